//! The client against real sockets: scripted servers decide about every byte,
//! and the test about time.

mod cases;
mod check;
mod connection;
mod faults;
mod publish;
mod support;
