//! What real tools make of an image.
