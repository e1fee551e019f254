//! AdmissionReview v1.
