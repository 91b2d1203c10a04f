import EventStream
package import ForeignFunction
package import Logging
import ProducerInterface
import Synchronization
import SystemCalls

/// The C functions that were made for one producer, what became of them, and how much the producer has logged. It
/// outlives the generations of its plugin, because a C library may call at any time: there is one for each name, for
/// ever.
package final class ProducerCallbacks: Sendable {
    /// How many different signatures one producer may use: their families are kept.
    static let familyCountMax = 256

    private struct All {
        var byName: [String: ProducerCallbacks] = [:]
        var inOrder: [ProducerCallbacks] = []
    }

    private static let all = Mutex(All())

    /// How many were created before it.
    let number: Int
    /// The budget of the lines that the producer logs itself.
    let logBudget = LogBudget()
    private let families = Mutex<[String: ClosureFamily]>([:])
    private let logger: Mutex<Logger>
    private let late = Atomic(0)
    private let dropped = Atomic(0)
    private let unencodable = Atomic(0)
    private let lateLine = SparseLine()
    private let droppedLine = SparseLine()
    private let unencodableLine = SparseLine()

    /// - Parameter logger: replaces the logger of the previous generation.
    package static func of(plugin: String, producer: String, logger: Logger) -> ProducerCallbacks {
        let callbacks = all.withLock { all in
            let name = "\(plugin)/\(producer)"
            if let callbacks = all.byName[name] { return callbacks }
            let callbacks = ProducerCallbacks(logger, number: all.inOrder.count)
            all.byName[name] = callbacks
            all.inOrder.append(callbacks)
            return callbacks
        }
        callbacks.logger.withLock { $0 = logger }
        return callbacks
    }

    private init(_ logger: Logger, number: Int) {
        self.logger = Mutex(logger)
        self.number = number
    }

    /// The functions of a stream's producer, as far as it is known; the stream may be over.
    static func of(_ stream: StreamToken) -> ProducerCallbacks? {
        guard let number = StreamOwners.number(of: stream) else { return nil }
        return all.withLock { $0.inOrder[number] }
    }

    /// The logger of the newest generation.
    var currentLogger: Logger { logger.withLock(\.self) }

    /// For lines about a stream that is over.
    func logger(for stream: StreamToken) -> Logger {
        var logger = currentLogger
        logger[metadataKey: "stream"] = "\(stream)"
        return logger
    }

    /// The family with that name.
    /// - Parameter make: called if there is none yet.
    /// - Throws: what `make` throws; or a sentence if there are too many.
    func family(
        _ name: String, make: () throws(SignatureProblem) -> ClosureFamily
    ) throws(SignatureProblem) -> ClosureFamily {
        if let family = families.withLock({ $0[name] }) { return family }
        let made = try make()
        let family = families.withLock { families -> ClosureFamily? in
            if let family = families[name] { return family }
            guard families.count < Self.familyCountMax else { return nil }
            families[name] = made
            return made
        }
        guard let family else {
            throw .sentence("was given more than \(Self.familyCountMax) different signatures by this producer")
        }
        return family
    }

    var counts: CallbackCounts {
        CallbackCounts(late: late.load(ordering: .relaxed), dropped: dropped.load(ordering: .relaxed))
    }

    // The following functions run on threads of plugins and libraries, which may hold locks. They take only short locks
    // of the host's own, under which no code of a plugin is called.

    func countLateCall() {
        let count = late.add(1, ordering: .relaxed).newValue
        write(lateLine) {
            "a C function was called after the close of its stream, and did nothing (\(count) such calls so far)"
        }
    }

    func countDropped(_ events: Int, _ which: StaticString) {
        let count = dropped.add(events, ordering: .relaxed).newValue
        write(droppedLine) {
            "a callback found its stream's queue full, and dropped the \(which) event (\(count) dropped so far)"
        }
    }

    func countUnencodable(_ fault: EncodingFault) {
        let count = unencodable.add(1, ordering: .relaxed).newValue
        write(unencodableLine) { "a callback's event was not sent: \(fault) (\(count) such events so far)" }
    }

    /// - Parameter text: called on the host's thread, because this one may have little stack.
    private func write(_ line: borrowing SparseLine, _ text: @escaping @Sendable () -> String) {
        guard line.isDue(now: monotonicNanoseconds()) else { return }
        HostThread.shared.write { [self] in
            let text = text()
            logger.withLock(\.self).warning("\(text)")
        }
    }
}

/// A log line that is written at once, and then not again for a while, however often there is reason to.
struct SparseLine: ~Copyable, Sendable {
    static let pauseNanoseconds: Int64 = 5_000_000_000
    /// 0: never.
    private let last = Atomic<Int64>(0)

    /// `true` for one caller at a time.
    func isDue(now: MonotonicNanoseconds) -> Bool {
        let last = last.load(ordering: .relaxed)
        guard last == 0 || now &- last >= Self.pauseNanoseconds else { return false }
        return self.last.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
    }
}

/// Why no function can be made from a signature.
package enum SignatureProblem: Error, Equatable {
    /// It cannot be parsed, at one place.
    case place(SignatureError)
    /// The rest of a sentence that begins with the function's name.
    case sentence(String)
}
