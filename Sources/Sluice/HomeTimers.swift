import CSluice
import Synchronization

/// Those who sleep on a stream's home loop: each costs one timer there, and no thread.
final class HomeTimers: @unchecked Sendable {
    // Unchecked: the handle is a number; what changes is behind the lock.
    private let stream: OpaquePointer
    private let state = Mutex(State())

    private struct State {
        /// Those that the server may still call; so they live until it has, or never will.
        var sleepers: [ObjectIdentifier: Sleeper] = [:]
        var isOver = false
    }

    init(_ stream: OpaquePointer) { self.stream = stream }

    /// Somebody sleeps.
    var areUsed: Bool { state.withLock { !$0.sleepers.isEmpty } }

    /// - Throws: `CancellationError` if the task is cancelled, or the stream over.
    func sleep(nanoseconds: Int64) async throws {
        let sleeper = Sleeper(of: self)
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                guard sleeper.wait(continuation) else { return }
                if !start(sleeper, nanoseconds) { sleeper.end(.failure(CancellationError())) }
            }
        } onCancel: {
            sleeper.end(.failure(CancellationError()))
        }
    }

    private func start(_ sleeper: Sleeper, _ nanoseconds: Int64) -> Bool {
        let isKept = state.withLock { state in
            if !state.isOver { state.sleepers[ObjectIdentifier(sleeper)] = sleeper }
            return !state.isOver
        }
        guard isKept else { return false }
        let isScheduled = Host.table.pointee.schedule(
            stream, nanoseconds, { Unmanaged<Sleeper>.fromOpaque($0!).takeUnretainedValue().wakeUp() },
            Unmanaged.passUnretained(sleeper).toOpaque())
        if !isScheduled { forget(sleeper) }
        return isScheduled
    }

    fileprivate func forget(_ sleeper: Sleeper) {
        _ = state.withLock { $0.sleepers.removeValue(forKey: ObjectIdentifier(sleeper)) }
    }

    /// The stream is over: the server calls nobody any more.
    func end() {
        let sleepers = state.withLock { state in
            state.isOver = true
            defer { state.sleepers = [:] }
            return state.sleepers
        }
        for sleeper in sleepers.values { sleeper.end(.failure(CancellationError())) }
    }
}

/// One sleep: ends once, by its time or by cancellation, whichever comes first.
private final class Sleeper: Sendable {
    private let timers: HomeTimers
    private let state = Mutex(State.awake)

    private enum State {
        case awake
        case asleep(UnsafeContinuation<Void, any Error>)
        case over
    }

    init(of timers: HomeTimers) { self.timers = timers }

    /// - Returns: `false` if it was cancelled before it fell asleep; then it has been told.
    func wait(_ continuation: UnsafeContinuation<Void, any Error>) -> Bool {
        let isAsleep = state.withLock { state in
            guard case .awake = state else { return false }
            state = .asleep(continuation)
            return true
        }
        if !isAsleep { continuation.resume(throwing: CancellationError()) }
        return isAsleep
    }

    /// The server's call.
    func wakeUp() {
        timers.forget(self)
        end(.success(()))
    }

    func end(_ result: Result<Void, any Error>) {
        let continuation = state.withLock { state -> UnsafeContinuation<Void, any Error>? in
            defer { state = .over }
            guard case .asleep(let continuation) = state else { return nil }
            return continuation
        }
        continuation?.resume(with: result)
    }
}
