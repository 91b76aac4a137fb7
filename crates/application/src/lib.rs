//! The use cases of the job portal, the ports they need, and mocks of those ports
