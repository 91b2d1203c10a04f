import Glibc
import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

/// Each in a process of its own, as the limit is the whole process's.
@Suite("Running out of descriptors", .timeLimit(.minutes(3)))
struct DescriptorExhaustionTests {
    @Test("Accepting pauses, spins nowhere, says so once a second, and goes on when there are descriptors again")
    func accepting() async {
        await #expect(processExitsWith: .success) {
            let log = CapturedLog()
            try await withServer(logger: log.logger) { server in
                let client = try RawClient(port: server.port) { allowDescriptors(false) }
                try client.send(get("/missing"))
                // Blocks its thread on purpose: a sleep may need a descriptor.
                #expect(blockingEventually { log.lines.contains { $0.contains("out of descriptors") } })

                let before = processorTime()
                #expect(throws: RawClientError.self) { try client.receive(until: .now + .milliseconds(1500)) }
                let used = processorTime() - before
                #expect(used < .milliseconds(500), "1.5 s of waiting took \(used) of processor time")
                #expect(log.lines.count { $0.contains("out of descriptors") } <= 4)

                allowDescriptors(true)
                try #expect(client.readResponse().status == 404)
            }
        }
    }

    @Test("Without a descriptor for the hand-over, the subscriber is turned away and the stream left")
    func handOver() async {
        await #expect(processExitsWith: .success) {
            try await withServer { server in
                let client = try server.connect()
                try client.send(get("/slow"))
                let opened = try await server.opened()
                allowDescriptors(false)
                opened.door.answer(.stream(headers: []))
                let response = try client.readResponse()
                allowDescriptors(true)
                #expect(response.status == 503)
                #expect(response["Connection"] == "close")
                #expect(server.opener.left == [opened.token])
                #expect(server.opener.attachCount == 0)
            }
        }
    }
}

/// Whether the process may open any further descriptors. A limit below those that are open leaves them alone.
private func allowDescriptors(_ isAllowed: Bool) {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = isAllowed ? limit.rlim_max : 3
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

/// What this process has used of its processors.
private func processorTime() -> Duration {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return .seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + .microseconds(Int64(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec))
}
