//! What ntfy's clients ask a server about itself.

use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::errors::Problem;
use crate::Position;
use crate::routes::Site;

/// For how many seconds the messages are counted for their rate.
const RATE_OVER: i64 = 3600;

/// Answers below `/v1`. The anonymous account has what the hub offers, and no
/// limits that are not there.
pub(super) async fn v1(
    site: &Site,
    method: &Method,
    path: &str,
    rest: &[&str],
) -> Result<Response, Problem> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Problem::not_found(method, path));
    }
    let ok = |value| Ok(super::json(StatusCode::OK, &value));
    match rest {
        ["health"] => {
            let healthy = site.hub.is_healthy().await;
            let status = if healthy {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            Ok(super::json(status, &json!({"healthy": healthy})))
        }
        ["stats"] => {
            let Position { seq, .. } = site.hub.position();
            let log = site.hub.log();
            let before = log.place_before(log.now() - RATE_OVER * 1000).await?;
            let rate = seq.saturating_sub(before) as f64 / RATE_OVER as f64;
            ok(json!({"messages": seq, "messages_rate": rate}))
        }
        ["config"] => ok(json!({
            "base_url": "",
            "app_root": "/",
            "enable_login": false,
            "require_login": false,
            "enable_signup": false,
            "enable_payments": false,
            "enable_calls": false,
            "enable_emails": false,
            "enable_reservations": false,
            "enable_web_push": false,
            "billing_contact": "",
            "web_push_public_key": "",
            "disallowed_topics": crate::Topic::RESERVED,
        })),
        ["account"] => {
            let kept = site.hub.config().history.age.as_secs();
            ok(json!({
                "username": "*",
                "role": "anonymous",
                "limits": {
                    "basis": "ip",
                    "messages": i32::MAX,
                    "messages_expiry_duration": kept,
                    "emails": 0,
                    "calls": 0,
                    "reservations": 0,
                    "attachment_total_size": 0,
                    "attachment_file_size": 0,
                    "attachment_expiry_duration": 0,
                    "attachment_bandwidth": 0,
                },
                "stats": {
                    "messages": 0,
                    "messages_remaining": i32::MAX,
                    "emails": 0,
                    "emails_remaining": 0,
                    "calls": 0,
                    "calls_remaining": 0,
                    "reservations": 0,
                    "reservations_remaining": 0,
                    "attachment_total_size": 0,
                    "attachment_total_size_remaining": 0,
                },
            }))
        }
        ["tiers"] => ok(json!([])),
        _ => Err(Problem::not_found(method, path)),
    }
}
