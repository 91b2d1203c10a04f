import NIOCore
import ProducerInterface
import SystemCalls
import TestSupport
import Testing

@testable import FrontDoor

@Suite("The PROXY protocol", .timeLimit(.minutes(3)))
struct ProxyHeaderTests {
    private func parse(_ bytes: [UInt8]) -> ProxyHeader { bytes.withUnsafeBytes { ProxyHeader($0) } }

    private func parse(_ text: String) -> ProxyHeader { parse(Array(text.utf8)) }

    private func client(_ text: String) throws -> ClientAddress { .internet(try #require(IPAddress(text))) }

    /// A header of version 2.
    static func binary(command: UInt8 = 0x21, family: UInt8 = 0x11, _ payload: [UInt8]) -> [UInt8] {
        [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, command, family]
            + [UInt8(payload.count >> 8), UInt8(payload.count & 255)] + payload
    }

    private static let ipv4: [UInt8] = [192, 0, 2, 7, 127, 0, 0, 1, 1, 2, 3, 4]
    private static let ipv6: [UInt8] =
        [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [9] + [UInt8](repeating: 0, count: 15) + [
            1, 1, 2, 3, 4,
        ]

    @Test("version 1: a line with the client's address, or without one")
    func lines() throws {
        let line = "PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\n"
        #expect(try parse(line + "GET") == .complete(client: client("192.0.2.7"), length: line.utf8.count))
        let ipv6 = "PROXY TCP6 2001:db8::9 ::1 5000 80\r\n"
        #expect(try parse(ipv6) == .complete(client: client("2001:db8::9"), length: ipv6.utf8.count))
        #expect(parse("PROXY UNKNOWN\r\n") == .complete(client: nil, length: 15))
        #expect(parse("PROXY UNKNOWN anything at all\r\n") == .complete(client: nil, length: 31))
    }

    @Test(
        "version 1: what is none",
        arguments: [
            "GET / HTTP/1.1\r\n", "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
            "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
            "PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n",
            "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP4 1.1.1.1 ::1 1 2\r\n",
            "PROXY TCP4 1.1.1.300 2.2.2.2 1 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n",
            "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
            "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY \r\n", "PROXY\r\n", "\n",
            "PROXY TCP4 " + String(repeating: "1", count: 200),
        ])
    func noLines(text: String) { #expect(parse(text) == .malformed) }

    @Test("version 2: the client's address, with extensions behind it or without; the proxy's own checks have none")
    func binaries() throws {
        #expect(try parse(Self.binary(Self.ipv4)) == .complete(client: client("192.0.2.7"), length: 28))
        #expect(
            try parse(Self.binary(Self.ipv4 + [4, 0, 1, 0]) + [71])
                == .complete(client: client("192.0.2.7"), length: 32))
        #expect(try parse(Self.binary(family: 0x21, Self.ipv6)) == .complete(client: client("2001:db8::9"), length: 52))
        #expect(parse(Self.binary(command: 0x20, family: 0, [])) == .complete(client: nil, length: 16))
        #expect(parse(Self.binary(command: 0x20, Self.ipv4)) == .complete(client: nil, length: 28))
        #expect(
            parse(Self.binary(family: 0x31, [UInt8](repeating: 0, count: 216))) == .complete(client: nil, length: 232))
    }

    @Test("version 2: what is none")
    func noBinaries() {
        #expect(parse(Self.binary(command: 0x11, Self.ipv4)) == .malformed)
        #expect(parse(Self.binary(command: 0x22, Self.ipv4)) == .malformed)
        #expect(parse(Self.binary(family: 0x41, Self.ipv4)) == .malformed)
        #expect(parse(Self.binary(Array(Self.ipv4.dropLast()))) == .malformed)
        #expect(parse(Self.binary(family: 0x21, Self.ipv4)) == .malformed)
        #expect(parse(Self.binary([UInt8](repeating: 0, count: 5000))) == .malformed)
        #expect(parse([0x0d, 0x0a, 0x0d, 0x0a, 1]) == .malformed)
    }

    private static let headers = [
        Array("PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\n".utf8), Array("PROXY UNKNOWN\r\n".utf8), binary(ipv4),
        binary(family: 0x21, ipv6 + [4, 0, 1, 0]), binary(command: 0x20, family: 0, []),
    ]

    @Test("a header that is cut off at any byte is incomplete, and complete with the rest", arguments: headers)
    func cutOff(header: [UInt8]) {
        for count in 0..<header.count { #expect(parse(Array(header[..<count])) == .incomplete, "\(count)") }
        guard case .complete(_, let length) = parse(header + [1, 2, 3]) else {
            Issue.record("it is not complete")
            return
        }
        #expect(length == header.count)
    }

    @Test("no bytes trap, and a valid header with some of them changed is one of the three")
    func random() {
        var random = SeededRandom.fromEnvironment(test: "PROXY headers")
        var outcomes: Set<Int> = []
        for _ in 0..<20_000 {
            var bytes = Self.headers.randomElement(using: &random)! + [71, 69, 84]
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
            switch parse(bytes) {
            case .complete(_, let length):
                outcomes.insert(0)
                #expect(length <= bytes.count)
            case .incomplete: outcomes.insert(1)
            case .malformed: outcomes.insert(2)
            }
        }
        #expect(outcomes == [0, 1, 2])
    }

    private func serving(trusting ranges: [String] = ["127.0.0.1"], _ body: (RunningServer) async throws -> Void)
        async throws
    {
        var listener = ListenSettings.anyHost(0)
        listener.expectsProxyHeader = true
        try await withServer(
            {
                $0.listeners = [listener]
                $0.proxies.ranges = ranges.compactMap { IPRange($0) }
            }, body)
    }

    /// A header that the proxy passes on as its client wrote it must not count, even if the proxy does not name the
    /// client.
    private let request = Array(get("/once", "X-Forwarded-For: 1.2.3.4").utf8)

    @Test("the client is the one that the header names, on each way to its stream", arguments: headers.indices)
    func clients(index: Int) async throws {
        let header = Self.headers[index]
        let expected = ["192.0.2.7", "127.0.0.1", "192.0.2.7", "2001:db8::9", "127.0.0.1"][index]
        try await serving { server in
            // In one piece, as the doorstep reads it; as another request; and cut off at some byte.
            let all = header + request
            for cut in [all.count, header.count, header.count / 2, 1, header.count + 5] {
                #expect(await eventually { server.server.connectionCount == 0 })
                let client = try server.connect()
                try client.send(Array(all[..<cut]))
                if cut < all.count {
                    #expect(await eventually { server.server.connectionCount == 1 }, "it has seen the first piece")
                    try client.send(Array(all[cut...]))
                }
                #expect(try client.readToEnd().hasSuffix("data: hi\n\n"), "\(cut)")
                #expect(server.opener.opened.last?.request.remoteAddress == expected, "\(cut)")
            }
            let missing = try server.connect()
            try missing.send(header + Array(get("/missing").utf8) + Array(get("/once").utf8))
            #expect(try missing.readResponse().status == 404)
            #expect(try missing.readToEnd().hasSuffix("data: hi\n\n"))
            #expect(server.opener.opened.last?.request.remoteAddress == expected)
        }
    }

    @Test("a connection without one is closed, and one of a peer that is not trusted")
    func refused() async throws {
        let log = CapturedLog()
        try await serving { server in
            let client = try server.connect()
            try client.send(request)
            #expect(try client.readToEnd() == "")
            #expect(server.server.refused == ["proxy-header": 1] && server.opener.opened.isEmpty)
        }
        try await withServer(
            {
                var listener = ListenSettings.anyHost(0)
                listener.expectsProxyHeader = true
                $0.listeners = [listener]
                $0.proxies.ranges = [IPRange("192.0.2.0/24")].compactMap(\.self)
            }, logger: log.logger
        ) { server in
            let client = try server.connect()
            try client.send(Self.headers[0] + request)
            #expect(try client.readToEnd() == "")
            #expect(server.opener.opened.isEmpty)
            #expect(log.lines.contains("warning: a connection was refused"))
        }
    }

    @Test("a proxy that never completes its header is closed like a client that sends no request")
    func incomplete() async throws {
        var listener = ListenSettings.anyHost(0)
        listener.expectsProxyHeader = true
        try await withServer({
            $0.listeners = [listener]
            $0.proxies.ranges = [IPRange("127.0.0.1")].compactMap(\.self)
            $0.headTimeout = .milliseconds(100)
        }) { server in
            let client = try server.connect()
            try client.send(Array(Self.headers[2][..<14]))
            #expect(try client.readToEnd() == "")
        }
    }
}
