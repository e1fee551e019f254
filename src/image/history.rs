//! Build history: which step made which layer, and what the forms of the builders' `created_by` say.
