//! Feedbell with a screen.
fn main() {}
