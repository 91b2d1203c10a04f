import Testing

@testable import SystemCalls

@Suite("Internet addresses")
struct IPAddressTests {
    @Test(
        "are read and written in the usual notation",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "::"), ("0.0.0.0", "0.0.0.0"),
            ("2001:DB8:0:0::1", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1"),
            ("255.255.255.255", "255.255.255.255"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ])
    func text(text: String, description: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == description && IPAddress(description) == address)
        #expect(IPAddress(bytes: address.bytes) == address && address.isIPv4 == !description.contains(":"))
    }

    @Test(
        "what is none",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.4:80", "[::1]", "::1%lo", ":::", "1::2::3", "a", "1.2.3.4\0",
        ])
    func none(text: String) { #expect(IPAddress(text) == nil) }

    @Test("which are loopback addresses")
    func loopback() throws {
        for text in ["127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1"] {
            #expect(try #require(IPAddress(text)).isLoopback, "\(text)")
        }
        for text in ["128.0.0.1", "0.0.0.0", "::", "::2", "1::1", "::127.0.0.1"] {
            #expect(try !#require(IPAddress(text)).isLoopback, "\(text)")
        }
    }

    @Test(
        "a block contains the addresses with its first bits",
        arguments: [
            (
                "10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
                ["11.0.0.0", "9.255.255.255", "::a00:1"]
            ),
            ("192.0.2.7", ["192.0.2.7"], ["192.0.2.6", "::"]), ("0.0.0.0/0", ["0.0.0.0", "255.1.1.1"], ["::1", "::"]),
            ("2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db9::", "10.0.0.1"]),
            ("::/0", ["::", "1.2.3.4", "ffff::"], []), ("::1/128", ["::1"], ["::2", "::"]),
            ("2001:db8:1:2::/64", ["2001:db8:1:2:3::"], ["2001:db8:1:3::"]),
            ("2001:db8:1:2:8000::/65", ["2001:db8:1:2:ffff::"], ["2001:db8:1:2:7fff::"]),
        ])
    func blocks(text: String, inside: [String], outside: [String]) throws {
        let block = try #require(IPRange(text))
        for address in inside { #expect(try block.contains(#require(IPAddress(address))), "\(address)") }
        for address in outside { #expect(try !block.contains(#require(IPAddress(address))), "\(address)") }
    }

    @Test(
        "what is no block",
        arguments: [
            "", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.1/8", "a/8",
            "1.1.1.1/8/8",
        ])
    func noBlock(text: String) { #expect(IPRange(text) == nil) }
}
