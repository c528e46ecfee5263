//! The SSE server: publish, subscribe, history.
