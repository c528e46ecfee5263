//! The wire format towards subscribers.
