import Testing

@testable import Settings

@Suite("Addresses, origins and names in settings")
struct AccessSettingTests {
    @Test(
        "an address to listen on",
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1:8080"), ("[::1]:0", "[::1]:0"), (":80", "*:80"), ("*:80", "*:80"),
            ("[::]:1", "[::]:1"),
            ("localhost:1", "localhost:1"), ("unix:/run/a.sock", "unix:/run/a.sock"), ("unix:a", "unix:a"),
            ("systemd", "systemd"), ("systemd:web", "systemd:web"), (" :1  proxy-protocol ", "*:1"),
        ])
    func listening(text: String, description: String) throws {
        #expect(try #require(ListenAddress(text)).description == description)
    }

    @Test(
        "what is no address to listen on",
        arguments: [
            "", "8080", "host", ":", "localhost:", "localhost:8 0", "[::1]", "[::1:80", "::1]:80", "[]:80", ":65536",
            ":-1", ":+1", ":٣", "::1:80", "[a]:80", "a b:80", "/x:80", "unix:",
            "systemd:",
            "unix:" + String(repeating: "x", count: 108), "unix:/a\0b", "http://a:80", ":80 mode=660", ":80 group=a",
            "unix:/a mode=9", "unix:/a mode=1777", "unix:/a mode=66", "unix:/a group=", "unix:/a mode", ":80 other",
            ":80 proxy-protocol=yes",
        ])
    func notListening(text: String) { #expect(ListenAddress(text) == nil) }

    @Test("options of an address")
    func options() throws {
        let file = try #require(ListenAddress("unix:/run/a.sock mode=0600 group=www-data proxy-protocol"))
        #expect(file.mode == 0o600 && file.group == "www-data" && file.acceptsProxyHeader)
        #expect(try #require(ListenAddress("unix:/run/a.sock")).mode == 0o660)
    }

    @Test(
        "an origin is kept as browsers send it",
        arguments: [
            ("https://App.Example.com", OriginPattern.exact("https://app.example.com")),
            ("https://app.example.com:443", .exact("https://app.example.com")),
            ("http://app.example.com:80", .exact("http://app.example.com")),
            ("https://app.example.com:80", .exact("https://app.example.com:80")),
            ("http://[::1]:3000", .exact("http://[::1]:3000")), ("http://[::1]", .exact("http://[::1]")),
            ("capacitor://localhost", .exact("capacitor://localhost")),
            ("https://*.Example.com", .subdomains(scheme: "https://", end: ".example.com")),
            ("https://*.example.com:8443", .subdomains(scheme: "https://", end: ".example.com:8443")), ("*", .any),
            ("local", .local),
        ])
    func origin(text: String, pattern: OriginPattern) { #expect(OriginPattern(text) == pattern) }

    @Test(
        "what is no origin",
        arguments: [
            "", "null", "example.com", "//example.com", "https://", "https:///", "https://a/", "https://a/b",
            "https://a?b",
            "https://*", "https://*.", "https://*example.com", "https://a.*.com", "https://a*.com", "*://a",
            "https://*.*.a",
            "https://a:0", "https://a:99999", "https://a:", "https://a:x", "https://u@a", "https://a..b", "https://.a",
            "https://a.", "https://ä.example", "https://a b", "ht tp://a", "1http://a", "https://*.[::1]",
            "https://[::1",
        ])
    func notOrigin(text: String) { #expect(OriginPattern(text) == nil, "\(text)") }

    @Test("names of hosts are in lower case, without port")
    func hosts() {
        #expect(SettingForm.hostName.parse("Events.Example.com") == "events.example.com")
        #expect(SettingForm.hostName.parse("*") == "*" && SettingForm.hostName.parse("[::1]") == "[::1]")
        for text in ["", "a:80", "a/b", "http://a", "a b", ".a", "a..b", "*.a"] {
            #expect(SettingForm.hostName.parse(text) == nil, "\(text)")
        }
    }

    @Test("names of headers")
    func headers() {
        #expect(SettingForm.headerName.parse("X-Request-Id") == "X-Request-Id")
        for text in ["", "*", "a b", "a:", "é", "a\r\nb"] { #expect(SettingForm.headerName.parse(text) == nil) }
    }
}
