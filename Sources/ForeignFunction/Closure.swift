import CFFI
import Glibc
import Synchronization
package import SystemCalls

/// A C function made at run time: its code is libffi's, its calls reach the target of its family.
///
/// A closure is live, or a tombstone: then its calls do nothing, return zero and are told to the target. It is never freed, as C may
/// keep its address for ever: its code, and this object, which the code points to, stay. What is reused is the closure as a
/// whole, for a new purpose of the same family: see `ClosureFamily`.
///
/// `@unchecked Sendable`: the words are written only while the state is `.arming`, by the one who set it, when `inside` is 0; they
/// are read only by a call that has entered `inside` and then seen `.live`.
package final class Closure: @unchecked Sendable {
    /// What C calls.
    package let code: UnsafeRawPointer
    private let target: any ClosureTarget
    private let interface: CallInterface
    private let memory: UnsafeMutablePointer<ffi_closure>
    private let state = Atomic(State.arming)
    /// Calls between their entry and their return.
    private let inside = Atomic(0)
    /// Of the last call of a tombstone, or when it became one.
    private let lastUse = Atomic<MonotonicNanoseconds>(0)
    private var words = ClosureWords()

    private enum State: UInt8, AtomicRepresentable {
        case arming, live, tombstone
    }

    /// The bytes that one costs: libffi's, and this object.
    package static let bytes = MemoryLayout<ffi_closure>.size + 136

    /// Makes a closure that is not live yet.
    init(_ target: any ClosureTarget, _ interface: CallInterface) throws(ClosureError) {
        var code: UnsafeMutableRawPointer?
        // libffi takes a lock of its own.
        guard let memory = ffi_closure_alloc(MemoryLayout<ffi_closure>.size, &code), let code else {
            throw .memoryRefused
        }
        self.memory = memory.assumingMemoryBound(to: ffi_closure.self)
        self.code = UnsafeRawPointer(code)
        self.target = target
        self.interface = interface
        let status = ffi_prep_closure_loc(
            self.memory, interface.description, enterClosure,
            Unmanaged.passUnretained(self).toOpaque(), code)
        guard status == FFI_OK else {
            // Nobody has its address yet.
            ffi_closure_free(memory)
            throw .refused(status: Int(status.rawValue))
        }
        // The code points here, and C may have it for ever.
        Self.everMade.withLock { $0.append(self) }
    }

    /// What keeps them: libffi's memory, which points to them, counts no references.
    private static let everMade = Mutex<[Closure]>([])

    /// Makes it live; to be called by the one who made it, or whose `startArming` was answered with `true`.
    func arm(_ words: ClosureWords) {
        self.words = words
        state.store(.live, ordering: .sequentiallyConsistent)
    }

    /// Makes a tombstone of it: no call that comes from now on reaches the target's `call`. One that runs on another thread goes on.
    /// - Returns: `false` if it was one already.
    package func bury(now: MonotonicNanoseconds) -> Bool {
        guard state.load(ordering: .relaxed) == .live else { return false }
        lastUse.store(now, ordering: .relaxed)
        return state.compareExchange(expected: .live, desired: .tombstone, ordering: .sequentiallyConsistent).exchanged
    }

    enum Readiness {
        case ready
        /// It was called, or became a tombstone, at that time.
        case usedAt(Int64)
        case busy
    }

    /// Takes a tombstone out of rest.
    ///
    /// A call adds itself to `inside` before it looks at the state, and here the state is looked at before `inside`, all in one
    /// order: so a call that is not seen here will see a state other than `.live`, until the new words are there.
    func startArming(restingSince limit: MonotonicNanoseconds) -> Readiness {
        let last = lastUse.load(ordering: .relaxed)
        guard last <= limit else { return .usedAt(last) }
        guard inside.load(ordering: .sequentiallyConsistent) == 0 else { return .busy }
        return state.compareExchange(expected: .tombstone, desired: .arming, ordering: .sequentiallyConsistent)
            .exchanged
            ? .ready : .busy
    }

    /// A call from C.
    @inline(__always)
    fileprivate func enter(
        _ result: UnsafeMutableRawPointer, _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) {
        ForeignResult.writeZero(of: interface.result, to: result)
        inside.add(1, ordering: .sequentiallyConsistent)
        if state.load(ordering: .sequentiallyConsistent) == .live {
            target.call(ClosureCall(arguments: arguments, result: result, interface: interface), words)
        } else {
            lastUse.store(monotonicNanoseconds(), ordering: .relaxed)
            target.calledTooLate()
        }
        inside.subtract(1, ordering: .sequentiallyConsistent)
    }
}

/// Why there is no closure.
package enum ClosureError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The system gives no memory that may be executed.
    case memoryRefused
    /// An `ffi_status` of `ffi_prep_closure_loc`.
    case refused(status: Int)
    /// As many as there may be exist, and none of them may be reused yet.
    case limit(Int)

    package var description: String {
        switch self {
        case .memoryRefused:
            "the system refuses executable memory (SELinux, PR_SET_MDWE, seccomp or a full address space may be why)"
        case .refused(let status): "libffi cannot create a function of this signature (status \(status))"
        case .limit(let limit): "there are already \(limit) functions, and none can be reused yet"
        }
    }
}

/// Where libffi's code arrives.
private let enterClosure:
    @convention(c) (
        UnsafeMutablePointer<ffi_cif>?, UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
        UnsafeMutableRawPointer?
    ) -> Void = { _, result, arguments, closure in
        Unmanaged<Closure>.fromOpaque(closure.unsafelyUnwrapped)._withUnsafeGuaranteedRef {
            $0.enter(result.unsafelyUnwrapped, arguments)
        }
    }
