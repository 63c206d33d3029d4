//! Who may join.

use super::*;

const FLAGS: [&str; 6] = ["--writers", "2", "--socketio-token", "first", "--socketio-token", "second"];

fn refused(namespace: &str, reason: &str) -> String {
    format!(r#"44{namespace}{{"message":"not authorized","data":{{"code":401,"reason":"{reason}"}}}}"#)
}

#[test]
fn socketio_item_46_and_48_who_does_not_know_a_token_is_refused_with_data_over_both_transports() {
    let server = Server::start(&FLAGS);
    let mut poller = Poller::open(&server);
    poller.say("40/binance,\u{1e}40{\"token\":\"third\"}\u{1e}40/binance,{\"token\":\"second\"}");
    assert_eq!(poller.next(), refused("/binance,", "auth.token is missing, or no text"));
    assert_eq!(poller.next(), refused("", "auth.token is not known"));
    assert!(poller.next().starts_with("40/binance,{\"sid\":"));
    poller.say(r#"42/binance,1["subscriptions"]"#);
    assert_eq!(poller.next(), "43/binance,1[[]]");

    let mut client = Client::open(&server, WEBSOCKET);
    assert!(text(&mut client).starts_with("0{"));
    client.say("40/upbit,");
    assert_eq!(text(&mut client), refused("/upbit,", "auth.token is missing, or no text"));
    client.say(r#"40/upbit,{"token":"first"}"#);
    assert!(text(&mut client).starts_with("40/upbit,{\"sid\":"));
    // To speak without having been let in ends the session, as it does without having asked.
    client.say(r#"42/binance,["subscribe","btcusdt@trade"]"#);
    assert!(ends(&mut client));
}

#[test]
fn socketio_item_48_and_49_who_is_not_let_in_anywhere_is_given_up() {
    let server = Server::start(&[&FLAGS[..], &["--socketio-connect-timeout", "300ms"]].concat());
    let mut client = Client::open(&server, WEBSOCKET);
    client.say(r#"40/binance,{"token":"third"}"#);
    assert!(text(&mut client).starts_with("0{"));
    assert_eq!(text(&mut client), refused("/binance,", "auth.token is not known"));
    assert!(ends(&mut client));
}
