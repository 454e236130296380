//! The default drain timeout.

use std::time::Duration;

/// Ten seconds, but one second less than the time after which a known host kills the process: Cloud Run waits ten
/// seconds, Fly waits five (`kill_timeout`). Knative sets the same variable as Cloud Run, but waits for the revision's
/// `timeoutSeconds`, so operators can set more there.
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
    fn the_default_drain_timeout_is_shorter_on_hosts_that_kill_the_process_sooner() {
        let seconds = |variable: &'static str| seconds(move |name| name == variable);
        assert_eq!(seconds("KUBERNETES_SERVICE_HOST"), 10);
        assert_eq!(seconds("K_SERVICE"), 9);
        assert_eq!(seconds("FLY_APP_NAME"), 4);
    }
}
