//! SQLite and PostgreSQL storage of the job portal, on diesel and r2d2
