use super::*;

/// Checks a connection once a simulated second, and returns the number of checks until a timeout of `limits` expires.
fn seconds_until_expired_with(
    limits: &Limits,
    connections: &Connections,
    connection: &Registration,
    each_second: impl Fn(u32),
) -> Option<u32> {
    (0..600).find(|second| {
        each_second(*second);
        connections.check(limits);
        connection.activity().take_expired()
    })
}

fn seconds_until_expired(
    connections: &Connections,
    connection: &Registration,
    each_second: impl Fn(u32),
) -> Option<u32> {
    seconds_until_expired_with(&Limits::strict(), connections, connection, each_second)
}

fn without_request_timeout() -> Limits {
    Limits {
        request_timeout: None,
        ..Limits::strict()
    }
}

fn complete_a_request(activity: &Activity) {
    activity.mark_request_started();
    activity.mark_request_ended();
}

#[test]
fn bytes_of_the_first_head_do_not_extend_the_head_timeout() {
    let connections = Connections::default();
    let connection = connections.add();
    let activity = connection.activity();
    let seconds = seconds_until_expired(&connections, &connection, |_| {
        activity.set_head_started(true);
    });
    assert_eq!(seconds, Some(30));
}

#[test]
fn the_timeout_of_a_later_head_starts_at_the_first_byte_of_the_head() {
    let connections = Connections::default();
    let connection = connections.add();
    let activity = connection.activity();
    complete_a_request(activity);
    let read_from_second_10 = |second| {
        if second >= 10 {
            activity.set_head_started(true);
        }
    };
    let seconds = seconds_until_expired(&connections, &connection, read_from_second_10);
    assert_eq!(seconds, Some(40));
}

#[test]
fn the_idle_timeout_does_not_run_while_a_request_is_in_flight() {
    let connections = Connections::default();
    let connection = connections.add();
    let activity = connection.activity();
    activity.mark_request_started();
    let write = |_| activity.mark_write(true);
    let limits = without_request_timeout();
    let seconds = seconds_until_expired_with(&limits, &connections, &connection, write);
    assert_eq!(seconds, None);
    activity.mark_request_ended();
    let seconds = seconds_until_expired(&connections, &connection, |_| {});
    assert_eq!(seconds, Some(15));
}

#[test]
fn an_http_1_request_is_overdue_two_seconds_after_the_request_timeout() {
    let connections = Connections::default();
    let connection = connections.add();
    let activity = connection.activity();
    // Each request has its own time.
    activity.mark_request_started();
    assert_eq!((0..50).find(|_| is_overdue(&connections, activity)), None);
    activity.mark_request_ended();
    activity.mark_request_started();
    assert_eq!(
        (0..100).find(|_| is_overdue(&connections, activity)),
        Some(62)
    );
    assert!(activity.take_expired());
    activity.mark_request_ended();
    activity.mark_request_started();
    assert!(
        !activity.is_request_overdue(),
        "the next request is overdue as well"
    );
}

fn is_overdue(connections: &Connections, activity: &Activity) -> bool {
    connections.check(&Limits::strict());
    activity.is_request_overdue()
}

#[test]
fn http_2_pings_do_not_extend_the_idle_timeout() {
    let connections = Connections::default();
    let connection = connections.add();
    let activity = connection.activity();
    activity.set_multiplexed();
    complete_a_request(activity);
    let seconds = seconds_until_expired(&connections, &connection, |_| activity.mark_write(true));
    assert_eq!(seconds, Some(15));
}

#[test]
fn an_http_2_connection_is_not_idle_until_its_responses_are_written() {
    let connections = Connections::default();
    let connection = connections.add();
    let activity = connection.activity();
    activity.set_multiplexed();
    activity.set_open_streams(1);
    complete_a_request(activity);
    // The request timeout of `strict` applies, although the client reads all the time.
    let seconds = seconds_until_expired(&connections, &connection, |_| {
        activity.mark_data_written();
    });
    assert_eq!(seconds, Some(60));
    assert_eq!(activity.waiting(), Waiting::Write);
    let (_, limit) = activity.stage(&Limits::default());
    assert_eq!(
        limit, None,
        "the default limits time out a client that reads slowly"
    );
    activity.set_open_streams(0);
    let seconds = seconds_until_expired(&connections, &connection, |_| {});
    assert_eq!(seconds, Some(15));
}

#[test]
fn a_response_counts_as_recently_written_during_thirty_checks() {
    let connections = Connections::default();
    let connection = connections.add();
    let activity = connection.activity();
    assert!(!activity.has_written_recently());
    activity.mark_data_written();
    let checks = (0..100).find(|_| {
        connections.check(&Limits::default());
        !activity.has_written_recently()
    });
    assert_eq!(checks, Some(29));
}

#[test]
fn http_2_pings_of_a_client_that_does_not_read_do_not_extend_a_timeout() {
    let connections = Connections::default();
    let connection = connections.add();
    let activity = connection.activity();
    activity.set_multiplexed();
    let pings = |second| {
        activity.mark_write(second % 7 == 0);
    };
    let seconds = seconds_until_expired(&connections, &connection, pings);
    assert_eq!(
        seconds,
        Some(30),
        "seconds until the timeout, before the first request"
    );
    complete_a_request(activity);
    let seconds = seconds_until_expired(&connections, &connection, pings);
    assert_eq!(
        seconds,
        Some(15),
        "seconds until the timeout, after the first request"
    );
}

#[test]
fn a_connection_does_not_time_out_while_its_client_slowly_reads_a_written_response() {
    let connections = Connections::default();
    let connection = connections.add();
    let activity = connection.activity();
    complete_a_request(activity);
    let slow_reader = |second| activity.mark_write(second % 10 == 0);
    let seconds = seconds_until_expired(&connections, &connection, slow_reader);
    assert_eq!(seconds, None);
    activity.mark_write(true);
    activity.mark_write(false);
    let seconds = seconds_until_expired(&connections, &connection, |_| {});
    assert_eq!(
        seconds,
        Some(30),
        "seconds until the timeout, after the client stopped reading"
    );
}

#[test]
fn each_write_restarts_the_write_stall_timeout() {
    let connections = Connections::default();
    let connection = connections.add();
    let activity = connection.activity();
    activity.mark_request_started();
    activity.mark_write(false);
    let seconds = seconds_until_expired(&connections, &connection, |_| {});
    assert_eq!(
        seconds,
        Some(30),
        "seconds until the timeout, without a write"
    );
    let write_every_20_seconds = |second| {
        if second % 20 == 0 {
            activity.mark_write(true);
            activity.mark_write(false);
        }
    };
    let limits = without_request_timeout();
    let seconds =
        seconds_until_expired_with(&limits, &connections, &connection, write_every_20_seconds);
    assert_eq!(seconds, None);
}

#[test]
fn closed_connections_are_removed_and_their_memory_is_freed() {
    let connections = Connections::default();
    let open = connections.add();
    for _ in 0..1000 {
        drop(connections.add());
    }
    connections.check(&Limits::default());
    assert_eq!(connections.lock().len(), 1);
    assert!(connections.lock().capacity() < 256);
    drop(open);
    connections.check(&Limits::default());
    assert!(connections.lock().is_empty());
}
