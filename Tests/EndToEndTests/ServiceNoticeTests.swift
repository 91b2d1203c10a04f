import Glibc
import ProducerInterface
import SystemCalls
import TestSupport
import Testing

@Suite("A service manager", .onTestThreads)
struct ServiceNoticeTests {
    @Test("is told when the server is ready, reloads, is ready again, and stops", arguments: [false, true])
    func notices(isAbstract: Bool) throws {
        let directory = TemporaryDirectory()
        let place = "\(directory.path)/notify"
        let socket = try Self.bind(isAbstract ? "\0" + place : place)
        defer { close(socket) }
        let name = isAbstract ? "@" + place : place
        try withServer(["WaitsForEver"], environment: ["NOTIFY_SOCKET": name]) { server in
            #expect(try Self.receiveState(socket) == "READY=1")
            server.signal(SIGHUP)
            let reloading = try Self.receiveState(socket).split(separator: "\n")
            #expect(reloading.first == "RELOADING=1" && reloading.last?.hasPrefix("MONOTONIC_USEC=") == true)
            #expect(try Self.receiveState(socket) == "READY=1")
            server.signal(SIGTERM)
            #expect(try Self.receiveState(socket) == "STOPPING=1")
            #expect(try server.waitForExit() == .status(0))
        }
    }

    @Test("is told which call does not return, and when it has returned")
    func hangingCalls() throws {
        let directory = TemporaryDirectory()
        let place = "\(directory.path)/notify"
        let socket = try Self.bind(place)
        defer { close(socket) }
        let flags = ["--loops", "1", "--call-deadline", "200ms"]
        try withServer(["HangsAsTold"], flags: flags, environment: ["NOTIFY_SOCKET": place]) { server in
            #expect(try Self.receive(socket) == "READY=1")
            let stream = try server.subscribe("/hangs-as-told?in=next&tag=a")
            try Self.receive(socket, until: "STATUS=does not return: next of hangs-as-told/hangs-as-told")
            server.openGate()
            try Self.receive(socket, until: "STATUS=1 stream, 1 plugin, 0 reloads")
            #expect(try stream.nextEvent().data == "first")
            stream.client.close()
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("is told in words what the server does, whenever that has changed")
    func status() throws {
        let directory = TemporaryDirectory()
        let place = "\(directory.path)/notify"
        let socket = try Self.bind(place)
        defer { close(socket) }
        try withServer(["WaitsForEver", "TicksWithIds"], environment: ["NOTIFY_SOCKET": place]) { server in
            try Self.receive(socket, until: "STATUS=0 streams, 2 plugins, 0 reloads")
            let streams = try (0..<2).map { _ in try server.subscribe("/waits-for-ever") }
            for stream in streams { _ = try stream.nextEvent() }
            try Self.receive(socket, until: "STATUS=2 streams, 2 plugins, 0 reloads")
            try server.reload()
            try Self.receive(socket, until: "STATUS=2 streams, 2 plugins, 1 reload")
        }
    }

    @Test("gets notices for its watchdog, at half of the interval, unless they are meant for another process")
    func watchdog() throws {
        let directory = TemporaryDirectory()
        let place = "\(directory.path)/notify"
        let socket = try Self.bind(place)
        defer { close(socket) }
        let environment = ["NOTIFY_SOCKET": place, "WATCHDOG_USEC": "400000"]
        try withServer(["WaitsForEver"], environment: environment) { _ in
            let notices = try Self.notices(socket, during: .seconds(2), of: "WATCHDOG=1")
            // A busy machine may delay some.
            #expect((3...11).contains(notices), "\(notices) in 2 s")
        }
        let others = environment.merging(["WATCHDOG_PID": "1"]) { $1 }
        try withServer(["WaitsForEver"], environment: others) { _ in
            try Self.receive(socket, until: "STATUS=0 streams, 1 plugin, 0 reloads")
            #expect(try Self.notices(socket, during: .seconds(1), of: "WATCHDOG=1") == 0)
        }
    }

    @Test("gets no notices for its watchdog while a loop does not turn")
    func hangingLoop() throws {
        let directory = TemporaryDirectory()
        let place = "\(directory.path)/notify"
        let socket = try Self.bind(place)
        defer { close(socket) }
        // Nobody takes the loop over within the test.
        let flags = ["--loops", "1", "--call-deadline", "60s"]
        let environment = ["NOTIFY_SOCKET": place, "WATCHDOG_USEC": "400000"]
        try withServer(["HangsAsTold"], flags: flags, environment: environment) { server in
            try Self.receive(socket, until: "WATCHDOG=1")
            let stream = try server.subscribe("/hangs-as-told?in=next&tag=a")
            #expect(try stream.nextEvent().data == "first")
            let isSilent = try blockingEventually(within: .seconds(20)) {
                try Self.notices(socket, during: .seconds(1), of: "WATCHDOG=1") == 0
            }
            #expect(isSilent)
            server.openGate()
            try Self.receive(socket, until: "WATCHDOG=1")
            #expect(try stream.nextEvent().data == "second")
        }
    }

    /// Reads notices until this one comes.
    private static func receive(_ socket: Int32, until wanted: String) throws {
        while try receive(socket) != wanted {}
    }

    /// The next notice that is not about what the server does.
    private static func receiveState(_ socket: Int32) throws -> String {
        while true {
            let text = try receive(socket)
            if !text.hasPrefix("STATUS=") { return text }
        }
    }

    /// How many notices of this kind come in this time.
    private static func notices(_ socket: Int32, during time: Duration, of kind: String) throws -> Int {
        let end = ContinuousClock.now + time
        var count = 0
        while ContinuousClock.now < end {
            var wanted = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            let left = (end - .now) / .milliseconds(1)
            if poll(&wanted, 1, Int32(max(1, left))) == 1, try receive(socket) == kind { count += 1 }
        }
        return count
    }

    private static func bind(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + path.utf8.count)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(descriptor, $0, size) }
        }
        guard code == 0 else { throw TestFailure("bind: \(systemError())") }
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return descriptor
    }

    private static func receive(_ socket: Int32) throws -> String {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = recv(socket, &bytes, bytes.count, 0)
        guard count > 0 else { throw TestFailure("no notice came") }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
