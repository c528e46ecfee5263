//! What it costs to read a feed: ours beside other clients, on the same streams.

mod clients;
mod compare;
mod loads;

fn main() {
    compare::compare(None);
}
