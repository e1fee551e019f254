//! Every example of every definition, made anew, in the places where keys lie: as it is, encoded, packed,
//! in a variable, and cut by a seam. Each must be found as what it is; where two detectors find the same
//! bytes, one of them goes first, and the other is named in `also`.

pub(crate) mod examples;
mod notations;
mod precedence;
mod seams;
mod wrapped;

pub(crate) use examples::fresh_seed;
