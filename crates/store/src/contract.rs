//! The promises of a store as tests, run by every backend.
