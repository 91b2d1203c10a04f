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
            #expect(try Self.receive(socket) == "READY=1")
            server.signal(SIGHUP)
            let reloading = try Self.receive(socket).split(separator: "\n")
            #expect(reloading.first == "RELOADING=1" && reloading.last?.hasPrefix("MONOTONIC_USEC=") == true)
            #expect(try Self.receive(socket) == "READY=1")
            server.signal(SIGTERM)
            #expect(try Self.receive(socket) == "STOPPING=1")
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
            #expect(try Self.receive(socket) == "STATUS=does not return: next of hangs-as-told/hangs-as-told")
            server.openGate()
            #expect(try Self.receive(socket) == "STATUS=")
            #expect(try stream.nextEvent().data == "first")
            stream.client.close()
            try server.expectClose(of: "a", .disconnected)
        }
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
