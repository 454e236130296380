//! The default drain timeout.

use std::time::Duration;

/// Ten seconds. On hosts that kill the process after ten seconds or less, one second less than that time: Cloud Run
/// waits ten seconds, and Fly waits five seconds (`kill_timeout`). Knative sets the same variable as Cloud Run, but
/// waits for the `timeoutSeconds` of the revision, so operators can set a longer drain timeout on Knative.
pub(super) fn default() -> Duration {
    Duration::from_secs(seconds(|name| std::env::var_os(name).is_some()))
}

/// The default as text, for the definition of the setting.
pub(super) fn default_text() -> &'static str {
    match default().as_secs() {
        4 => "4s",
        9 => "9s",
        _ => "10s",
    }
}

fn seconds(is_set: impl Fn(&str) -> bool) -> u64 {
    match () {
        () if is_set("FLY_APP_NAME") => 4,
        () if is_set("K_SERVICE") => 9,
        () => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_drain_timeout_ends_one_second_before_cloud_run_or_fly_kills_the_process() {
        let seconds = |variable: &'static str| seconds(move |name| name == variable);
        assert_eq!(seconds("KUBERNETES_SERVICE_HOST"), 10);
        assert_eq!(seconds("K_SERVICE"), 9);
        assert_eq!(seconds("FLY_APP_NAME"), 4);
    }
}
