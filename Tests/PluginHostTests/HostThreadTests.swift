import Glibc
import Synchronization
import TestSupport
import Testing

@testable import PluginHost

@Suite("The host's own thread", .timeLimit(.minutes(1)))
struct HostThreadTests {
    /// The written lines, in order; and a line that waits until it is released. While it waits, nothing may depend on
    /// the scheduling of Swift's few threads, so waiting code does so on its own thread.
    private final class Record: Sendable {
        let lines = Mutex<[String]>([])
        let isHeld = Watched(false)
        let isReleased = Watched(false)

        func add(_ line: String) { lines.withLock { $0.append(line) } }

        func hold() {
            isHeld.update { $0 = true }
            _ = isReleased.becomes(true, within: .seconds(60))
        }

        func release() { isReleased.update { $0 = true } }
    }

    @Test("lines are written in order; those that do not fit are counted after the others")
    func lines() {
        let record = Record()
        let thread = HostThread(linesMax: 3, bytesMax: 100) { record.add("dropped \($0)") }
        thread.write { record.hold() }
        #expect(record.isHeld.becomes(true))
        thread.write(bytes: 60) { record.add("1") }
        thread.write(bytes: 60) { record.add("too long") }
        thread.write { record.add("2") }
        thread.write { record.add("3") }
        thread.write { record.add("too many") }
        record.release()
        thread.drain()
        thread.write { record.add("4") }
        thread.drain()
        #expect(record.lines.withLock(\.self) == ["1", "2", "3", "dropped 2", "4"])
    }

    @Test("a drain waits for a line that is being written, but not for the one that it is called from")
    func drains() throws {
        let record = Record()
        let thread = HostThread { _ in }
        thread.write {
            record.hold()
            thread.drain()
            record.add("held")
        }
        #expect(record.isHeld.becomes(true))
        let drainer = ThreadState()
        _ = try onThread(stackBytes: 256 * 1024) {
            #expect(blockingEventually { drainer.isAsleep })
            record.release()
        }
        thread.drain()
        #expect(record.lines.withLock(\.self) == ["held"])
    }

    @Test(
        "a thread with enough stack does itself what the host's thread does for others, and waits for that",
        arguments: [(80 * 1024, false), (1 << 20, true)])
    func room(stackBytes: Int, hasRoom: Bool) async throws {
        let thread = HostThread { _ in }
        let doesItself = Mutex<Bool?>(nil)
        let isOver = try onThread(stackBytes: stackBytes) {
            var worker = pthread_t()
            thread.withRoom { worker = pthread_self() }
            let isSame = worker == pthread_self()
            doesItself.withLock { $0 = isSame }
        }
        #expect(await eventually { isOver() })
        #expect(doesItself.withLock(\.self) == hasRoom)
    }

    /// The stack is the test's own memory and is not freed: with only a size, a sanitizer would enlarge it.
    /// - Returns: whether it has ended.
    private func onThread(stackBytes: Int, _ body: @escaping @Sendable () -> Void) throws -> () -> Bool {
        final class Run: Sendable {
            let body: @Sendable () -> Void
            let isOver = Atomic(false)
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        let run = Run(body)
        let stack = mmap(nil, stackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        try #require(stack != MAP_FAILED)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstack(&attributes, stack!, stackBytes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            {
                let run = Unmanaged<Run>.fromOpaque($0!).takeRetainedValue()
                run.body()
                run.isOver.store(true, ordering: .sequentiallyConsistent)
                return nil
            }, Unmanaged.passRetained(run).toOpaque())
        try #require(code == 0)
        return { run.isOver.load(ordering: .sequentiallyConsistent) }
    }
}
