//! The wire format towards subscribers: validated event names and ids, and the
//! one writer of frames. No I/O.
//!
//! What a publisher sends is data. It becomes part of a stream only through
//! [`EventName`], [`EventId`] and [`Frame`], so that no publisher can forge a
//! field, an event or a control event:
//!
//! ```
//! use sse::{EventId, EventName, Frame};
//!
//! let id = EventId::parse("7f3a.12")?;
//! let name = EventName::parse("like")?;
//! let mut out = bytes::BytesMut::new();
//! Frame::new().id(&id).event(&name).data("Ada\nlikes it").write(&mut out);
//! assert_eq!(&out[..], b"id: 7f3a.12\nevent: like\ndata: Ada\ndata: likes it\n\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The format is that of the WHATWG HTML standard, "Server-sent events".

mod frame;
mod name;

pub use frame::{Frame, comment};
pub use name::{Control, EventId, EventIdError, EventName, EventNameError};
