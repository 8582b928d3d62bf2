//! Nodes that hear each other over a real NATS server.

mod common;

use std::time::Duration;

use common::*;
use samband_bus::{AskError, Bus, BusError, Heard, Topic};
use samband_core::ResourceId;
use tokio::time::{Instant, sleep, timeout};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_hears_what_it_follows_and_nothing_else() {
    let server = Server::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    assert!(a.is_shared() && a.node() == "a");
    let (mut at_a, mut at_b) = (a.listen(), b.listen());
    b.follow(Topic::Thread(resource(), thread(1)));
    a.follow(Topic::Thread(resource(), thread(2)));
    a.follow(Topic::Thread(resource(), thread(1)));
    assert!(a.settled().await && b.settled().await);
    for stamp in 1..=50 {
        for n in 0..4 {
            a.publish(note(thread(n), stamp), &[]);
        }
    }
    for stamp in 1..=50 {
        assert_eq!(
            *next_note(&mut at_b).await,
            note(thread(1), stamp),
            "all of it, in order"
        );
        for n in 0..4 {
            assert_eq!(
                *next_note(&mut at_a).await,
                note(thread(n), stamp),
                "here everything, once"
            );
        }
    }
    b.publish(note(thread(2), 51), &[]);
    assert_eq!(*next_note(&mut at_a).await, note(thread(2), 51));
    assert_eq!(*next_note(&mut at_b).await, note(thread(2), 51));
    silence(&mut at_a).await;
    silence(&mut at_b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn following_is_counted() {
    let server = Server::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    let mut at_b = b.listen();
    let topic = Topic::Thread(resource(), thread(1));
    b.follow(topic);
    b.follow(topic);
    b.unfollow(topic);
    assert!(b.settled().await);
    a.publish(note(thread(1), 1), &[]);
    assert_eq!(next_note(&mut at_b).await.stamp.0, 1);
    b.unfollow(topic);
    b.unfollow(topic);
    // Only the three that every node has are left of each.
    until("it is unsubscribed from", async || {
        server.figure("subscriptions").await <= base(&server).await
    })
    .await;
    a.publish(note(thread(1), 2), &[]);
    silence(&mut at_b).await;
}

/// Subscriptions of two nodes that follow nothing, and the server's own.
async fn base(server: &Server) -> u64 {
    static OWN: tokio::sync::OnceCell<u64> = tokio::sync::OnceCell::const_new();
    let own = OWN
        .get_or_init(async || Server::start().await.figure("subscriptions").await)
        .await;
    own + 3 * server.figure("connections").await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_concerned_hears_without_following_the_thread() {
    let server = Server::start().await;
    let (a, b, c) = (server.bus("a").await, server.bus("b").await, server.bus("c").await);
    let (mut at_a, mut at_b, mut at_c) = (a.listen(), b.listen(), c.listen());
    b.follow(Topic::User(resource(), user(5)));
    c.follow(Topic::User(resource(), user(6)));
    c.follow(Topic::Thread(resource(), thread(1)));
    assert!(b.settled().await && c.settled().await);
    a.publish(note(thread(1), 1), &[user(4), user(5), user(6)]);
    a.moved(resource(), user(5), "endpoint", "connection");
    assert_eq!(*next_note(&mut at_b).await, note(thread(1), 1));
    let heard = next(&mut at_b).await;
    let Heard::Moved {
        resource: of,
        user: whose,
        endpoint,
        connection,
    } = heard
    else {
        panic!("{heard:?}")
    };
    assert_eq!(
        (of, whose, &*endpoint, &*connection),
        (resource(), user(5), "endpoint", "connection")
    );
    assert_eq!(*next_note(&mut at_c).await, note(thread(1), 1));
    assert_eq!(*next_note(&mut at_a).await, note(thread(1), 1));
    for listener in [&mut at_a, &mut at_b, &mut at_c] {
        silence(listener).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_after_it_is_settled_is_heard() {
    let server = Server::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    let mut at_b = b.listen();
    for round in 0..100 {
        let topic = match round % 2 {
            0 => Topic::Thread(resource(), thread(round)),
            _ => Topic::User(resource(), user(round)),
        };
        b.follow(topic);
        assert!(b.settled().await);
        a.publish(note(thread(round), 1), &[user(round)]);
        assert_eq!(next_note(&mut at_b).await.stream, thread(round));
        if round % 3 == 0 {
            b.unfollow(topic);
        }
    }
    silence(&mut at_b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_subscriptions_lose_and_double_nothing() {
    let server = Server::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    let mut at_b = b.listen();
    b.follow(Topic::Thread(resource(), thread(0)));
    b.follow(Topic::User(resource(), user(3)));
    assert!(b.settled().await);
    const NOTES: i64 = 150_000;
    let publisher = tokio::spawn(async move {
        for stamp in 1..=NOTES {
            // Now and then by the user's subject too.
            let concerns = if stamp % 7 == 0 { &[user(3)][..] } else { &[] };
            a.publish(note(thread(0), stamp), concerns);
            if stamp % 50 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        a
    });
    let (finish, mut finished) = tokio::sync::oneshot::channel::<()>();
    let changer = tokio::spawn(async move {
        let mut changes = 0;
        while finished.try_recv().is_err() {
            let others = [100, 200, 300, 400, 500].map(|n| Topic::Thread(resource(), thread(n)));
            let users = [103, 203, 303, 403, 503].map(|n| Topic::User(resource(), user(n)));
            for topic in others.into_iter().chain(users) {
                b.follow(topic);
            }
            assert!(b.settled().await);
            // Now and then long enough for what was replaced to end, at a different step each time.
            if changes % 9 == 0 {
                sleep(Duration::from_millis(1_100)).await;
            }
            b.follow(Topic::Resource(resource()));
            assert!(b.settled().await);
            if changes % 9 == 3 {
                sleep(Duration::from_millis(1_100)).await;
            }
            for topic in others.into_iter().chain(users) {
                b.unfollow(topic);
            }
            assert!(b.settled().await);
            if changes % 9 == 6 {
                sleep(Duration::from_millis(1_100)).await;
            }
            b.unfollow(Topic::Resource(resource()));
            assert!(b.settled().await);
            changes += 1;
        }
        (changes, b)
    });
    for stamp in 1..=NOTES {
        let heard = next(&mut at_b).await;
        assert!(
            matches!(&heard, Heard::Note(note) if note.stamp.0 == stamp),
            "{stamp}: {heard:?}"
        );
    }
    finish.send(()).expect("it still changes");
    let (changes, _b) = changer.await.expect("it ends");
    let _a = publisher.await.expect("it ends");
    assert!(changes > 9, "{changes} changes");
    until("they go back to two", async || {
        server.figure("subscriptions").await == base(&server).await + 2
    })
    .await;
    silence(&mut at_b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_threads_need_few_subscriptions() {
    let server = Server::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    let mut at_b = b.listen();
    let before = server.figure("subscriptions").await;
    let id = |n: u32| {
        let mut id = thread(n);
        id.0[14..].copy_from_slice(&(n as u16).to_be_bytes());
        id
    };
    for n in 0..20_000 {
        b.follow(Topic::Thread(resource(), id(n)));
    }
    assert!(b.settled().await);
    a.publish(note(id(19_999), 1), &[]);
    assert_eq!(next_note(&mut at_b).await.stream, id(19_999));
    until("there are 1,024", async || {
        server.figure("subscriptions").await == before + 1_024
    })
    .await;
    for n in 0..20_000 {
        b.unfollow(Topic::Thread(resource(), id(n)));
    }
    until("there are none", async || {
        server.figure("subscriptions").await == before
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_is_found_again() {
    let mut server = Server::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    let (mut at_a, mut at_b) = (a.listen(), b.listen());
    b.follow(Topic::Thread(resource(), thread(1)));
    assert!(b.settled().await);
    for round in 0..3 {
        a.publish(note(thread(1), 1), &[]);
        assert_eq!(next_note(&mut at_b).await.stamp.0, 1);
        assert_eq!(next_note(&mut at_a).await.stamp.0, 1);
        server.kill();
        until("both notice", async || a.health().is_err() && b.health().is_err()).await;
        let health = a.health().expect_err("it is not connected");
        assert!(
            health.starts_with(&format!("not connected to {}", server.url())),
            "{health}"
        );
        let start = Instant::now();
        for stamp in 2..=10_001 {
            a.publish(note(thread(1), stamp), &[]);
        }
        assert!(start.elapsed() < Duration::from_secs(1), "publishing does not wait");
        for stamp in 2..=10_001 {
            assert_eq!(
                next_note(&mut at_a).await.stamp.0,
                stamp,
                "here it is heard all the same"
            );
        }
        let start = Instant::now();
        assert!(!b.settled().await);
        assert!(start.elapsed() < Duration::from_millis(2_500));
        // Followed while there is no connection.
        let other = thread(10 + round);
        b.follow(Topic::Thread(resource(), other));
        server.run().await;
        missed(&mut at_a).await;
        missed(&mut at_b).await;
        assert!(a.health().is_ok() && b.health().is_ok());
        assert!(b.settled().await);
        a.publish(note(other, 7), &[]);
        assert_eq!(
            *next_note(&mut at_b).await,
            note(other, 7),
            "what was published meanwhile is old news"
        );
        assert_eq!(*next_note(&mut at_a).await, note(other, 7));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_drops_the_others_are_told() {
    let server = Server::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    let mut at_b = b.listen();
    b.follow(Topic::Thread(resource(), thread(1)));
    assert!(b.settled().await);
    server.signal("-STOP");
    let start = Instant::now();
    for stamp in 1..=200_000 {
        a.publish(note(thread(1), stamp), &[]);
    }
    assert!(start.elapsed() < Duration::from_secs(2), "publishing does not wait");
    server.signal("-CONT");
    missed(&mut at_b).await;
    assert!(a.health().is_ok());
    until("notes come again", async || {
        a.publish(note(thread(1), 300_000), &[]);
        while let Ok(Some(heard)) = timeout(Duration::from_millis(50), at_b.next()).await {
            if matches!(&heard, Heard::Note(note) if note.stamp.0 == 300_000) {
                return true;
            }
        }
        false
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_late_is_found() {
    let mut server = Server::planned(&[]);
    let start = Instant::now();
    let (a, b) = (Bus::nats(&server.url(), "a").await, Bus::nats(&server.url(), "b").await);
    let (a, b) = (a.expect("a bus"), b.expect("a bus"));
    assert!(start.elapsed() < Duration::from_secs(4));
    assert!(a.health().is_err() && !a.settled().await);
    assert_eq!(a.ask("b", vec![], SOON).await, Err(AskError::Unavailable));
    let mut at_b = b.listen();
    b.follow(Topic::Thread(resource(), thread(1)));
    server.run().await;
    missed(&mut at_b).await;
    until("both are connected", async || a.health().is_ok() && b.health().is_ok()).await;
    a.publish(note(thread(1), 1), &[]);
    assert_eq!(next_note(&mut at_b).await.stamp.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_ask_each_other() {
    let server = Server::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    assert_eq!(
        a.ask("b", vec![1], SOON).await,
        Err(AskError::Unavailable),
        "nobody answers there yet"
    );
    b.answer_with(|question| {
        Box::pin(async move {
            match question.first() {
                Some(0) => sleep(Duration::from_secs(60)).await,
                Some(1) => sleep(Duration::from_millis(200)).await,
                Some(2) => return vec![0; 2_000_000],
                _ => {}
            }
            question.into_iter().rev().collect()
        })
    });
    assert_eq!(a.ask("b", vec![3, 4, 5], SOON).await, Ok(vec![5, 4, 3]));
    assert_eq!(a.ask("b", vec![], SOON).await, Ok(vec![]));
    assert_eq!(b.ask("b", vec![3, 4], SOON).await, Ok(vec![4, 3]));
    let start = Instant::now();
    assert_eq!(a.ask("c", vec![3], SOON).await, Err(AskError::NoSuchNode));
    assert_eq!(a.ask("no.such*", vec![3], SOON).await, Err(AskError::NoSuchNode));
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    assert_eq!(
        a.ask("b", vec![2], SOON).await,
        Err(AskError::Unavailable),
        "too long an answer"
    );
    assert_eq!(
        a.ask("b", vec![9; 2_000_000], SOON).await,
        Err(AskError::Unavailable),
        "too long a question"
    );
    let start = Instant::now();
    assert_eq!(
        a.ask("b", vec![0], Duration::from_millis(300)).await,
        Err(AskError::Unavailable)
    );
    assert!((300..1_500).contains(&start.elapsed().as_millis()));
    // Many at a time, and each gets its own.
    let start = Instant::now();
    let asked: Vec<_> = (0..500u32)
        .map(|n| {
            let a = a.clone();
            tokio::spawn(async move {
                let mut question = vec![1];
                question.extend(n.to_be_bytes());
                let expected: Vec<_> = question.iter().rev().copied().collect();
                assert_eq!(a.ask("b", question, SOON).await, Ok(expected));
            })
        })
        .collect();
    for asked in asked {
        asked.await.expect("it is answered");
    }
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "they do not wait for each other"
    );
    drop(b);
    until("it is gone", async || {
        a.ask("b", vec![3], SOON).await == Err(AskError::NoSuchNode)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_servers_one_that_answers_is_used() {
    let (dead, mut server) = (Server::planned(&[]), Server::start().await);
    let urls = format!("{}, {}", dead.url(), server.url());
    let (a, b) = (Bus::nats(&urls, "a").await.expect("a bus"), server.bus("b").await);
    until("it is connected", async || a.health().is_ok()).await;
    let mut at_b = b.listen();
    b.follow(Topic::Thread(resource(), thread(1)));
    assert!(b.settled().await);
    a.publish(note(thread(1), 1), &[]);
    assert_eq!(next_note(&mut at_b).await.stamp.0, 1);
    // It changes over to the other.
    let mut other = dead;
    other.run().await;
    let c = other.bus("c").await;
    let (mut at_a, mut at_c) = (a.listen(), c.listen());
    server.kill();
    missed(&mut at_a).await;
    c.follow(Topic::Thread(resource(), thread(1)));
    assert!(c.settled().await && a.settled().await);
    a.publish(note(thread(1), 2), &[]);
    assert_eq!(next_note(&mut at_c).await.stamp.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_costs_one_message_and_one_more_for_each_node_that_follows() {
    let server = Server::start().await;
    let mut nodes = Vec::new();
    for n in 0..5 {
        nodes.push(server.bus(&format!("n{n}")).await);
    }
    let mut listeners: Vec<_> = nodes.iter().map(Bus::listen).collect();
    let whole = Topic::Resource(resource());
    let one = Topic::Thread(resource(), thread(1));
    nodes[0].follow(one);
    nodes[1].follow(one);
    nodes[2].follow(one);
    nodes[2].follow(whole);
    nodes[3].follow(Topic::Thread(resource(), thread(2)));
    nodes[4].follow(Topic::Thread(ResourceId::from_bytes([8; 16]), thread(1)));
    for node in &nodes {
        assert!(node.settled().await);
    }
    // Until the second subscription of one has replaced the first.
    sleep(Duration::from_millis(1_500)).await;
    let before = (server.figure("in_msgs").await, server.figure("out_msgs").await);
    for stamp in 1..=1_000 {
        nodes[0].publish(note(thread(1), stamp), &[]);
    }
    for listener in &mut listeners[0..3] {
        for stamp in 1..=1_000 {
            assert_eq!(next_note(listener).await.stamp.0, stamp);
        }
    }
    sleep(A_WHILE).await;
    let after = (server.figure("in_msgs").await, server.figure("out_msgs").await);
    // Two other nodes follow it. Not one message beside them, whatever the time it took.
    assert_eq!((after.0 - before.0, after.1 - before.1), (1_000, 2_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_before_the_end_goes_out() {
    let server = Server::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    let (mut at_a, mut at_b) = (a.listen(), b.listen());
    b.follow(Topic::Thread(resource(), thread(1)));
    assert!(b.settled().await);
    for stamp in 1..=5_000 {
        a.publish(note(thread(1), stamp), &[]);
    }
    let start = Instant::now();
    a.close().await;
    assert!(start.elapsed() < Duration::from_millis(2_500));
    for stamp in 1..=5_000 {
        assert_eq!(next_note(&mut at_b).await.stamp.0, stamp);
        assert_eq!(next_note(&mut at_a).await.stamp.0, stamp);
    }
    assert!(a.health().is_err() && !a.settled().await);
    assert_eq!(a.ask("b", vec![], SOON).await, Err(AskError::Unavailable));
    a.publish(note(thread(1), 1), &[]);
    assert_eq!(next_note(&mut at_a).await.stamp.0, 1, "in process it goes on");
    drop(a);
    assert!(at_a.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_ends_with_the_last_clone() {
    let server = Server::start().await;
    let a = server.bus("a").await;
    let again = a.clone();
    drop(a);
    sleep(A_WHILE).await;
    assert_eq!(server.figure("connections").await, 1);
    drop(again);
    until("it is gone", async || server.figure("connections").await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_the_server_disturbs_nothing() {
    let server = Server::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    let watcher = async_nats::connect(server.url()).await.expect("it connects");
    let _of_bus = watcher.subscribe("samband.>").await.expect("it subscribes");
    watcher.flush().await.expect("it is sent");
    let start = Instant::now();
    assert!(a.settled().await);
    assert!(start.elapsed() < A_WHILE, "what watches the bus costs nothing");
    let _of_all = watcher.subscribe(">").await.expect("it subscribes");
    watcher.flush().await.expect("it is sent");
    sleep(A_WHILE).await;
    let mut at_b = b.listen();
    for round in 0..3 {
        b.follow(Topic::Thread(resource(), thread(round)));
        let start = Instant::now();
        assert!(b.settled().await);
        let most = if round == 0 { 2_500 } else { 500 };
        assert!(
            start.elapsed() < Duration::from_millis(most),
            "{round}: {:?}",
            start.elapsed()
        );
        a.publish(note(thread(round), 1), &[]);
        assert_eq!(next_note(&mut at_b).await.stream, thread(round));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_there_is_left_alone() {
    let server = Server::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    let mut at_b = b.listen();
    b.follow(Topic::Resource(resource()));
    assert!(b.settled().await);
    let other = async_nats::connect(server.url()).await.expect("it connects");
    let subject = format!("samband.{}.t.1.x", "07".repeat(16));
    for payload in [
        &b""[..],
        b"\x01",
        b"\x02new",
        b"\x01\x09\x01a\0\0\0\0\0\0\0\0",
        &[255; 1_000],
    ] {
        other
            .publish(subject.clone(), payload.into())
            .await
            .expect("it is sent");
        for subject in [
            "samband.lapse",
            "samband.node.b",
            "samband.reply.b.x",
            "samband.reply.b.1",
        ] {
            other.publish(subject, payload.into()).await.expect("it is sent");
        }
    }
    other.flush().await.expect("it is sent");
    silence(&mut at_b).await;
    a.publish(note(thread(1), 1), &[]);
    assert_eq!(next_note(&mut at_b).await.stamp.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_taken_from_the_url() {
    for (arguments, right, wrong) in [
        (
            &["--user", "me", "--pass", "p@ss,word"][..],
            "me:p%40ss%2Cword@",
            "me:wrong@",
        ),
        (&["--auth", "s3cret/token"][..], "s3cret%2Ftoken@", "other@"),
    ] {
        let server = Server::start_with(arguments).await;
        let url = |login: &str| format!("nats://{login}127.0.0.1:{}", server.port);
        let bus = Bus::nats(&url(right), "a").await.expect("a bus");
        assert_eq!(bus.health(), Ok(()));
        assert!(bus.settled().await);
        let bus = Bus::nats(&url(wrong), "a").await.expect("a bus");
        let health = bus.health().expect_err("it is not let in");
        assert_eq!(
            health,
            format!("not connected to {}: authorization violation", server.url())
        );
        let started = Instant::now();
        drop(bus);
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn what_is_no_server_or_node_is_refused() {
    assert!(matches!(
        Bus::nats("http://127.0.0.1", "a").await,
        Err(BusError::Url(_))
    ));
    for node in ["", "A", "a.b", "a*", "a b", &"a".repeat(33)] {
        assert!(matches!(
            Bus::nats("nats://127.0.0.1:1", node).await,
            Err(BusError::Node(_))
        ));
    }
}

/// One thread for all of the node, which then does not come to empty its queues. Sometimes it manages all
/// the same: then once more.
#[tokio::test]
async fn who_falls_behind_is_told_so() {
    const NOTES: i64 = 60_000;
    let server = Server::start().await;
    let b = server.bus("b").await;
    let mut at_b = b.listen();
    b.follow(Topic::Thread(resource(), thread(1)));
    assert!(b.settled().await);
    for round in 0..30 {
        let url = server.url();
        let publisher = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let a = Bus::nats(&url, &format!("a{round}")).await.expect("a bus");
                for stamp in 1..=NOTES {
                    a.publish(note(thread(1), stamp), &[]);
                }
                a.close().await;
            });
        });
        publisher.join().expect("all is published");
        let (mut heard, mut last) = (0, 0);
        while heard < NOTES {
            match timeout(SOON, at_b.next())
                .await
                .map(|heard| heard.expect("the bus is there"))
            {
                Ok(Heard::Note(note)) => {
                    assert!(note.stamp.0 > last);
                    (heard, last) = (heard + 1, note.stamp.0);
                }
                Ok(Heard::Missed(_)) => {
                    assert!(b.settled().await && b.health().is_ok());
                    return;
                }
                other => panic!("{other:?} after {heard} notes, the last {last}"),
            }
        }
    }
    panic!("it is made to fall behind");
}

/// Runs this test file again as a process that trusts the server's certificate.
#[tokio::test(flavor = "multi_thread")]
async fn with_tls_only_a_trusted_server_will_do() {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let folder = scratch("tls");
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("it is written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("it is written");
    let (cert, key) = (cert.to_str().expect("UTF-8"), key.to_str().expect("UTF-8"));
    let server = Server::start_with(&["--tls", "--tlscert", cert, "--tlskey", key]).await;
    let url = format!("tls://127.0.0.1:{}", server.port);
    let bus = Bus::nats(&url, "a").await.expect("a bus");
    let health = bus.health().expect_err("it is not trusted");
    assert!(health.starts_with(&format!("not connected to {url}: ")), "{health}");
    let trusting = std::process::Command::new(std::env::current_exe().expect("this file"))
        .args(["--exact", "is_connected_with_tls", "--ignored"])
        .envs([("SSL_CERT_FILE", cert), ("SAMBAND_TEST_BUS", &url)])
        .output()
        .expect("it runs");
    let shown = String::from_utf8_lossy(&trusting.stdout);
    assert!(trusting.status.success() && shown.contains("1 passed"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of with_tls_only_a_trusted_server_will_do"]
async fn is_connected_with_tls() {
    let url = std::env::var("SAMBAND_TEST_BUS").expect("the other test says where");
    let (a, b) = (
        Bus::nats(&url, "a").await.expect("a bus"),
        Bus::nats(&url, "b").await.expect("a bus"),
    );
    assert_eq!(a.health(), Ok(()));
    let mut at_b = b.listen();
    b.follow(Topic::Thread(resource(), thread(1)));
    assert!(b.settled().await);
    a.publish(note(thread(1), 1), &[]);
    assert_eq!(next_note(&mut at_b).await.stamp.0, 1);
}
