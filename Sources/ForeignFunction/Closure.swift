import CFFI
import Glibc
import Synchronization
package import SystemCalls

/// A C function made at run time: its code is libffi's, and its calls reach the target of its family.
///
/// A closure is live, or a tombstone: then its calls do nothing, return zero and are reported to the target. It is
/// never freed, because C may keep its address for ever: its code stays, and this object, which the code points to.
/// What is reused is the closure as a whole, for a new purpose of the same family: see `ClosureFamily`.
///
/// `@unchecked Sendable`: the words are written only while the state is `.arming`, by the thread that set it, when
/// `inside` is 0; they are read only by a call that has entered `inside` and then seen `.live`.
package final class Closure: @unchecked Sendable {
    /// The address that C calls.
    package let code: UnsafeRawPointer
    private let target: any ClosureTarget
    private let interface: CallInterface
    private let memory: UnsafeMutablePointer<ffi_closure>
    private let state = Atomic(State.arming)
    /// Calls between their entry and their return.
    private let inside = Atomic(0)
    /// When a tombstone was last called, or became one.
    private let lastUse = Atomic<MonotonicNanoseconds>(0)
    private var words = ClosureWords()

    private enum State: UInt8, AtomicRepresentable {
        case arming, live, tombstone
    }

    /// The bytes that a closure takes: libffi's, and this object's.
    package static let bytes = MemoryLayout<ffi_closure>.size + 136

    /// Creates a closure that is not live yet.
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
            // Nothing has its address yet.
            ffi_closure_free(memory)
            throw .refused(status: Int(status.rawValue))
        }
        // The code points to this object, and C may keep the code's address for ever.
        Self.everMade.withLock { $0.append(self) }
    }

    /// Keeps all closures: libffi's memory, which points to them, counts no references.
    private static let everMade = Mutex<[Closure]>([])

    /// Makes it live; must be called by the thread that created it, or to which `startArming` returned `.ready`.
    func arm(_ words: ClosureWords) {
        self.words = words
        state.store(.live, ordering: .sequentiallyConsistent)
    }

    /// Makes it a tombstone: no call from now on reaches the target's `call`. A call that runs on another thread
    /// continues.
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

    /// Takes a tombstone that has rested, so that it can be armed again.
    ///
    /// A call adds itself to `inside` before it reads the state, and here `inside` is read while the state is still
    /// `.tombstone`, all in one order: so a call that is not seen here will see a state other than `.live`, until the
    /// new words are there.
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
    /// The system provides no executable memory.
    case memoryRefused
    /// An `ffi_status` of `ffi_prep_closure_loc`.
    case refused(status: Int)
    /// The maximum number of functions exists, and none of them can be reused yet.
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

/// The function that libffi's code calls.
private let enterClosure:
    @convention(c) (
        UnsafeMutablePointer<ffi_cif>?, UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
        UnsafeMutableRawPointer?
    ) -> Void = { _, result, arguments, closure in
        Unmanaged<Closure>.fromOpaque(closure.unsafelyUnwrapped)._withUnsafeGuaranteedRef {
            $0.enter(result.unsafelyUnwrapped, arguments)
        }
    }
