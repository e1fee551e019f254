//! The program as a whole, and its catalogue.

mod detectors;
