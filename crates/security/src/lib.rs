//! Password hashing, access tokens, random secrets and sealed values of the job portal
