use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use ipnet::IpNet;

use crate::App;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The reverse proxies whose word about the address of a client is taken; by default none's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl FromStr for TrustedProxies {
    type Err = String;

    /// Reads addresses and networks in CIDR notation, separated by commas: `10.0.0.0/8, 2001:db8::7`.
    fn from_str(text: &str) -> Result<Self, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let network = |item: &str| match item.parse().or_else(|_| item.parse::<IpAddr>().map(IpNet::from)) {
            Ok(network) if network.prefix_len() == 0 => {
                Err(format!("`{item}` is everyone, and then anyone can claim any address"))
            }
            Ok(network) => Ok(network),
            Err(_) => Err(format!("expected addresses or networks such as 10.0.0.0/8, found `{item}`")),
        };
        items.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who is at the far end, when `peer` is at the near one, and each hop was told by the one before it, `peer` the first. The
    /// word of a trusted hop is taken; what comes before it may be made up. What is no address ends the way where it is.
    fn client<'a>(&self, peer: IpAddr, hops: impl Iterator<Item = &'a str>) -> IpAddr {
        let mut client = peer.to_canonical();
        for hop in hops {
            match address(hop) {
                Some(next) if self.trust(client) => client = next,
                _ => break,
            }
        }
        client
    }
}

/// The address in an entry of `X-Forwarded-For`; some proxies add the port.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse().map(|with_port: SocketAddr| with_port.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// The network that a request comes from, for all that is counted or noted by it; `None` where it came by no network.
///
/// A network is an IPv4 address, or the 64 bits of an IPv6 address that a provider gives to one customer.
pub(crate) fn network(app: &App, request: &HttpRequest) -> Option<String> {
    let peer = request.peer_addr()?.ip();
    let lines: Vec<_> = request.headers().get_all(X_FORWARDED_FOR).collect();
    // Each proxy adds at the end.
    let nearest_first = lines.iter().rev().flat_map(|line| {
        let line = str::from_utf8(line.as_bytes()).unwrap_or("not readable");
        line.rsplit(',').map(str::trim).filter(|hop| !hop.is_empty())
    });
    Some(name(app.settings.trusted_proxies.client(peer, nearest_first)))
}

/// Whether a trusted proxy has sent a request.
pub(crate) fn is_proxy(app: &App, request: &HttpRequest) -> bool {
    request.peer_addr().is_some_and(|peer| app.settings.trusted_proxies.trust(peer.ip().to_canonical()))
}

fn name(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}/64", address.to_bits() >> 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXIES: &str = "10.0.0.0/8, 2001:db8::1";

    /// The client when `peer` connects, and sends this `X-Forwarded-For`.
    fn client(trusted: &str, peer: &str, forwarded: &str) -> String {
        let hops = forwarded.rsplit(',').map(str::trim).filter(|hop| !hop.is_empty());
        trusted.parse::<TrustedProxies>().unwrap().client(peer.parse().unwrap(), hops).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(client("", "10.0.0.1", "192.0.2.7"), "10.0.0.1");
        assert_eq!(client(PROXIES, "198.51.100.9", "192.0.2.7"), "198.51.100.9");
        assert_eq!(client(PROXIES, "10.0.0.1", "192.0.2.7"), "192.0.2.7");
        assert_eq!(client(PROXIES, "2001:db8::1", "2001:db8:5::9"), "2001:db8:5::9");
        assert_eq!(client(PROXIES, "2001:db8::2", "192.0.2.7"), "2001:db8::2");
    }

    #[test]
    fn what_a_client_claims_before_the_first_proxy_is_not_believed() {
        assert_eq!(client(PROXIES, "10.0.0.1", "203.0.113.1, 192.0.2.7"), "192.0.2.7");
        assert_eq!(client(PROXIES, "10.0.0.1", "203.0.113.1, 192.0.2.7, 10.9.9.9, 10.0.0.2"), "192.0.2.7");
        assert_eq!(client(PROXIES, "10.0.0.1", "10.0.0.3, 192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn where_all_are_trusted_the_farthest_is_the_client() {
        assert_eq!(client(PROXIES, "10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3");
        assert_eq!(client(PROXIES, "10.0.0.1", ""), "10.0.0.1");
    }

    #[test]
    fn an_address_is_read_in_all_forms_that_proxies_write() {
        for (hop, read) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8:5::9", "2001:db8:5::9"),
            ("[2001:db8:5::9]", "2001:db8:5::9"),
            ("[2001:db8:5::9]:4711", "2001:db8:5::9"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(client(PROXIES, "::ffff:10.0.0.1", hop), read, "{hop}");
        }
    }

    #[test]
    fn what_is_no_address_ends_the_way_at_the_proxy_that_told_it() {
        let long = "x".repeat(10_000);
        for garbage in ["unknown", "_hidden", "192.0.2", "192.0.2.7.8", "[", "[]:1", "1.2.3.4:99999", "💥", &long] {
            assert_eq!(client(PROXIES, "10.0.0.1", garbage), "10.0.0.1", "{garbage}");
            assert_eq!(
                client(PROXIES, "10.0.0.1", &format!("192.0.2.7, {garbage}, 10.0.0.2")),
                "10.0.0.2",
                "{garbage}"
            );
        }
        let many = "10.0.0.2, ".repeat(1_000);
        assert_eq!(client(PROXIES, "10.0.0.1", &format!("192.0.2.7, {many},,, ,")), "192.0.2.7");
        assert_eq!(client(PROXIES, "10.0.0.1", &",".repeat(10_000)), "10.0.0.1");
    }

    #[test]
    fn one_customer_of_a_network_is_one_client() {
        let of = |text: &str| name(text.parse().unwrap());
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    #[test]
    fn proxies_are_addresses_and_networks_but_not_everyone() {
        assert_eq!("".parse(), Ok(TrustedProxies::default()));
        assert_eq!(" 10.0.0.1 ,::1, ".parse::<TrustedProxies>().unwrap().0.len(), 2);
        for bad in ["proxy.example.com", "10.0.0.0/33", "10.0.0.0/8 192.0.2.0/24", "0.0.0.0/0", "::/0", "*"] {
            assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
        }
    }
}
