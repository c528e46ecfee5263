//! Native pop-ups over notify-rust.
