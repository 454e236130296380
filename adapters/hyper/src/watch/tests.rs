//! Looks at connections, one after the other.

use super::*;

/// After how many looks the time of a connection is over, if it ever is.
fn looks(connections: &Connections, pulse: &Pulse, each: impl Fn(u32)) -> Option<u32> {
    (0..600).find(|look| {
        each(*look);
        connections.tick(&Limits::strict());
        pulse.is_over()
    })
}

#[test]
fn the_first_head_has_one_budget_however_it_drips() {
    let connections = Connections::default();
    let watched = connections.add();
    assert_eq!(
        looks(&connections, &watched.0, |_| watched.0.read()),
        Some(30)
    );
}

#[test]
fn a_later_head_has_its_own_from_its_first_byte() {
    let connections = Connections::default();
    let watched = connections.add();
    watched.0.begin();
    watched.0.end();
    let drip = |look| {
        if look >= 10 {
            watched.0.read();
        }
    };
    assert_eq!(looks(&connections, &watched.0, drip), Some(40));
}

#[test]
fn idle_connections_are_over_and_busy_ones_are_not() {
    let connections = Connections::default();
    let watched = connections.add();
    watched.0.begin();
    assert_eq!(looks(&connections, &watched.0, |_| watched.0.read()), None);
    watched.0.end();
    assert_eq!(looks(&connections, &watched.0, |_| {}), Some(15));
}

#[test]
fn a_ping_is_neither_a_head_nor_a_sign_of_life() {
    let connections = Connections::default();
    let watched = connections.add();
    watched.0.is_multiplexed();
    watched.0.begin();
    watched.0.end();
    let ping = |_| watched.0.read();
    assert_eq!(looks(&connections, &watched.0, ping), Some(15));
}

#[test]
fn nothing_but_a_request_makes_more_of_the_first_budget() {
    let connections = Connections::default();
    let watched = connections.add();
    watched.0.is_multiplexed();
    let pings = |look| {
        watched.0.read();
        watched.0.wrote(look % 7 == 0);
    };
    assert_eq!(looks(&connections, &watched.0, pings), Some(30));
    watched.0.begin();
    watched.0.end();
    assert_eq!(looks(&connections, &watched.0, pings), Some(15));
}

#[test]
fn the_rest_of_a_reply_may_be_read_as_slowly_as_its_beginning() {
    let connections = Connections::default();
    let watched = connections.add();
    watched.0.begin();
    watched.0.end();
    let slowly = |look| watched.0.wrote(look % 10 == 0);
    assert_eq!(looks(&connections, &watched.0, slowly), None);
    watched.0.wrote(true);
    watched.0.wrote(false);
    assert_eq!(looks(&connections, &watched.0, |_| {}), Some(30));
}

#[test]
fn a_client_that_reads_a_little_now_and_then_is_not_stalled() {
    let connections = Connections::default();
    let watched = connections.add();
    watched.0.begin();
    watched.0.wrote(false);
    assert_eq!(looks(&connections, &watched.0, |_| {}), Some(30));
    let now_and_then = |look| {
        if look % 20 == 0 {
            watched.0.wrote(true);
            watched.0.wrote(false);
        }
    };
    assert_eq!(looks(&connections, &watched.0, now_and_then), None);
}

#[test]
fn connections_that_are_closed_are_forgotten() {
    let connections = Connections::default();
    let open = connections.add();
    for _ in 0..1000 {
        drop(connections.add());
    }
    connections.tick(&Limits::default());
    assert_eq!(connections.lock().len(), 1);
    assert!(connections.lock().capacity() < 256);
    drop(open);
    connections.tick(&Limits::default());
    assert!(connections.lock().is_empty());
}
