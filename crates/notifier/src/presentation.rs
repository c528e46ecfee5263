//! What rules make of an event for people to see: the one shape it has from the rules through the
//! inbox to the pop-up.

use serde::{Deserialize, Serialize};

use crate::view::Urgency;

/// Stands in [`Presentation::burst`] for the number of messages, which is known only when it is
/// shown. A character of private use: texts from outside have it taken out.
pub(crate) const COUNT: char = '\u{E000}';

/// How a message is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presentation {
    /// The title, never empty but for gaps.
    pub(crate) title: String,
    /// The body, plain text.
    pub(crate) body: String,
    /// http, https or mailto.
    pub(crate) link: Option<String>,
    /// An icon name of the theme, or an http or https address where the feed allows it.
    pub(crate) icon: Option<String>,
    /// How urgent.
    pub(crate) urgency: Urgency,
    /// Messages of one feed with the same group, close in time, are one burst.
    pub(crate) group: Option<String>,
    /// Who did it.
    pub(crate) actor: Option<String>,
    /// The title of its burst, with [`COUNT`] for the number.
    pub(crate) burst: Option<String>,
    /// What the message itself offers to do.
    pub(crate) actions: Vec<OwnAction>,
}

/// Something that a message offers to do, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum OwnAction {
    /// Opens a link.
    View {
        /// What the button says.
        label: String,
        /// http, https or mailto.
        link: String,
    },
    /// Copies a text.
    Copy {
        /// What the button says.
        label: String,
        /// The text.
        text: String,
    },
    /// Sends a request.
    Http {
        /// What the button says.
        label: String,
        /// http or https.
        url: String,
        /// The method.
        method: String,
        /// Header names and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
}
