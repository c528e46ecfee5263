//! The app without a screen: feeds, rules, inbox, settings and the embedded hub in one actor.
