//! A small HTTP server that answers as a test tells it, right or wrong, and records what it was asked.
