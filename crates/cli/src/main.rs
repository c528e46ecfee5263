//! The command line of Feedbell.
fn main() {}
