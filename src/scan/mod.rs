//! One image from source to result: workers over layers, windows through the detectors, the config.

pub mod progress;
