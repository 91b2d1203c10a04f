import Glibc
import StreamLoop
import Synchronization
import TestSupport
import Testing

@Suite("Epoll system", .timeLimit(.minutes(5)))
struct EpollSystemTests {
    let system = EpollSystem()
    let second: Int64 = 1_000_000_000

    /// What becomes ready within a time: by tag, all that was reported.
    func wait(_ timeout: Int64 = 0) -> [UInt64: Readiness] {
        withUnsafeTemporaryAllocation(of: ReadyEvent.self, capacity: 16) { events in
            let count = system.wait(timeout: timeout, into: events)
            return Dictionary(events[..<count].map { ($0.tag, $0.readiness) }) { $0.union($1) }
        }
    }

    func send(_ pair: SocketPair, _ count: Int) -> SendOutcome {
        let bytes = [UInt8](repeating: 0x61, count: count)
        return bytes.withUnsafeBytes { system.send(pair.ours, $0) }
    }

    @Test("the time that a thread waits for a processor is known")
    func runDelay() async {
        // Twice as many threads that never pause as there are processors: some have to wait.
        let count = 2 * sysconf(Int32(_SC_NPROCESSORS_ONLN))
        let delays = Mutex<[Int64]>([])
        for _ in 0..<count {
            #expect(
                startThread(named: "spinner", stackBytes: 1 << 18) {
                    spin(milliseconds: 100)
                    let delay = EpollSystem().runDelay()
                    delays.withLock { $0.append(delay) }
                })
        }
        #expect(await eventually { delays.withLock { $0.count == count } })
        #expect(delays.withLock { $0.max() ?? 0 } > 0)
    }

    @Test("a connection is writable once it is added, and says so once", arguments: [true, false])
    func writableOnce(_ tcp: Bool) {
        let pair = SocketPair(tcp: tcp)
        #expect(system.add(pair.ours, tag: 7) == 0)
        #expect(wait(second) == [7: .writable])
        #expect(wait() == [:])
        #expect(send(pair, 10) == .sent(10))
        #expect(pair.peerReads().count == 10)
    }

    @Test(
        "a full socket becomes writable again when the peer reads, also after a send that was cut",
        arguments: [true, false])
    func writableAgain(_ tcp: Bool) {
        let pair = SocketPair(tcp: tcp)
        #expect(system.add(pair.ours, tag: 7) == 0)
        #expect(wait(second) == [7: .writable])
        for _ in 0..<20 {
            // One send that is cut is enough to be told: the loop does not ask for a second one that takes nothing.
            var sent = 0
            while case .sent(let count) = send(pair, 10_000), count > 0 {
                sent += count
                if count < 10_000 { break }
            }
            #expect(sent > 0)
            #expect(wait()[7]?.contains(.writable) != true)
            var received = 0
            while received < sent { received += pair.peerReads().count }
            #expect(wait(second)[7] == .writable)
        }
    }

    @Test("a send to a full socket takes nothing")
    func full() {
        let pair = SocketPair(tcp: false)
        while send(pair, 10_000) != .full {}
        #expect(send(pair, 1) == .full)
    }

    @Test(
        "a peer that closes is readable, and a connection that is gone once something is sent",
        arguments: [true, false])
    func hangUp(_ tcp: Bool) {
        let pair = SocketPair(tcp: tcp)
        #expect(system.add(pair.ours, tag: 7) == 0)
        #expect(wait(second) == [7: .writable])
        pair.closePeer()
        // TCP can't tell it from one that has ended its sending side only.
        #expect(wait(second)[7]?.contains(tcp ? .readable : .hangUp) == true)
        // The first send after a FIN may still be taken; what it provokes is told then.
        var outcome = send(pair, 10)
        if outcome == .sent(10) {
            #expect(wait(second)[7]?.contains(.hangUp) == true)
            outcome = send(pair, 10)
        }
        #expect(outcome == .gone)
        #expect(!system.hasTimedOut(pair.ours))
    }

    @Test("a reset is a hang-up")
    func reset() {
        let pair = SocketPair(tcp: true)
        #expect(system.add(pair.ours, tag: 7) == 0)
        #expect(wait(second) == [7: .writable])
        pair.resetPeer()
        #expect(wait(second)[7]?.contains(.hangUp) == true)
        #expect(!system.hasTimedOut(pair.ours))
        #expect(send(pair, 10) == .gone)
    }

    @Test("a peer that closed, or broke the connection, before it was added is told at once")
    func hungUpBefore() {
        let pair = SocketPair(tcp: true)
        pair.closePeer()
        #expect(system.add(pair.ours, tag: 7) == 0)
        #expect(wait(second)[7]?.contains(.readable) == true)
        let broken = SocketPair(tcp: true)
        broken.resetPeer()
        #expect(system.add(broken.ours, tag: 8) == 0)
        #expect(wait(second)[8]?.contains(.hangUp) == true)
    }

    @Test("input is dropped up to the limit; a peer that closed its side has ended")
    func input() {
        let pair = SocketPair(tcp: true)
        #expect(system.add(pair.ours, tag: 7) == 0)
        #expect(wait(second) == [7: .writable])
        pair.peerWrites(5000)
        #expect(wait(second)[7]?.contains(.readable) == true)
        guard case .dropped(5000) = system.dropInput(pair.ours, limit: 65536) else {
            Issue.record("5000 bytes were there")
            return
        }
        pair.peerWrites(5000)
        #expect(wait(second)[7]?.contains(.readable) == true, "another edge")
        guard case .dropped(let count) = system.dropInput(pair.ours, limit: 100), count >= 100 else {
            Issue.record("5000 bytes were there")
            return
        }
        pair.closePeer()
        #expect(wait(second)[7]?.contains(.readable) == true)
        guard case .finished = system.dropInput(pair.ours, limit: 1 << 20) else {
            Issue.record("the peer has closed")
            return
        }
    }

    @Test("after a half-close the peer still gets what was sent, then the end")
    func halfClose() {
        let pair = SocketPair(tcp: true)
        #expect(send(pair, 10) == .sent(10))
        system.shutdownWriting(pair.ours)
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 100)
        while true {
            let count = recv(pair.peer, &chunk, 100, 0)
            if count <= 0 { break }
            received += chunk.prefix(count)
        }
        #expect(received.count == 10)
    }

    @Test("a wake-up from another thread ends a wait without limit, however often it is repeated")
    func wakeUp() {
        struct Shared: @unchecked Sendable { let system: EpollSystem }
        let shared = Shared(system: system)
        for _ in 0..<200 {
            #expect(startThread(named: "waker", stackBytes: 1 << 16) { shared.system.wakeUp() })
            #expect(wait(-1) == [:])
        }
    }

    @Test("a wake-up that came before the wait is not lost")
    func wakeUpBefore() {
        system.wakeUp()
        system.wakeUp()
        #expect(wait(-1) == [:])
    }

    @Test("a wait without an event is not shorter than it was asked for")
    func timeout() {
        for nanoseconds: Int64 in [1, 999_999, 3_000_000, 20_000_000] {
            let before = system.now()
            #expect(wait(nanoseconds) == [:])
            #expect(system.now() - before >= nanoseconds)
        }
    }

    @Test("a descriptor that is closed is forgotten; its number under another tag is another connection")
    func reuse() {
        for tag: UInt64 in 1...50 {
            // The number is free again each time, and most often given out again.
            let pair = SocketPair(tcp: true)
            let descriptor = pair.takeOurs()
            #expect(system.add(descriptor, tag: tag) == 0)
            pair.peerWrites(1)
            #expect(wait(second).keys.sorted() == [tag], "nothing of those before")
            system.close(descriptor)
            #expect(pair.peerReads().isEmpty)
            #expect(wait() == [:])
        }
    }

    @Test("what cannot be watched is said with its error number")
    func cannotAdd() {
        #expect(system.add(-1, tag: 7) == EBADF)
        let pair = SocketPair(tcp: false)
        #expect(system.add(pair.ours, tag: 7) == 0)
        #expect(system.add(pair.ours, tag: 8) == EEXIST)
    }

    @Test("the system gives up a peer that stays silent; a socket that is no TCP connection is none of its business")
    func timeOuts() {
        let tcp = SocketPair(tcp: true)
        system.setWriteDeadline(tcp.ours, milliseconds: 1234)
        var value: UInt32 = 0
        var size = socklen_t(MemoryLayout<UInt32>.size)
        getsockopt(tcp.ours, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &value, &size)
        #expect(value == 1234)
        #expect(system.silenceMilliseconds(of: tcp.ours).map { $0 < 10_000 } == true)
        #expect(system.sendingPauseMilliseconds(of: tcp.ours).map { $0 < 10_000 } == true)
        let local = SocketPair(tcp: false)
        system.setWriteDeadline(local.ours, milliseconds: 1234)
        #expect(
            system.silenceMilliseconds(of: local.ours) == nil && system.sendingPauseMilliseconds(of: local.ours) == nil)
        #expect(!system.hasTimedOut(local.ours))
    }
}
