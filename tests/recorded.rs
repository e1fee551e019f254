//! Images recorded from tools that Debian stable does not have (`testdata/README.md`).
