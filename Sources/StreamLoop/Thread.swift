import CDeath
import CLinux
import Glibc
import SystemCalls

/// Starts a detached thread; pthread_create(3).
/// - Parameters:
///   - name: at most 15 bytes of it are shown.
///   - died: is called on the thread when it ends before the body has returned: the body has called something that
///     ended it with pthread_exit(3).
/// - Returns: `false` if the system cannot start one.
package func startThread(
    named name: String, stackBytes: Int, died: (@Sendable () -> Void)? = nil, _ body: @escaping @Sendable () -> Void
) -> Bool {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, max(stackBytes, Int(PTHREAD_STACK_MIN)))
    pthread_attr_setguardsize(&attributes, guardBytes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let box = Unmanaged.passRetained(ThreadBody(name, died, body))
    var thread = pthread_t()
    let result = pthread_create(
        &thread, &attributes,
        { argument in
            let body = Unmanaged<ThreadBody>.fromOpaque(argument.unsafelyUnwrapped)
            nameThread(body._withUnsafeGuaranteedRef(\.name))
            sluice_death_prepare_thread()
            pthread_setspecific(bodyOfThread, argument)
            body._withUnsafeGuaranteedRef { $0.run() }
            pthread_setspecific(bodyOfThread, nil)
            body.release()
            return nil
        }, box.toOpaque())
    if result != 0 { box.release() }
    return result == 0
}

/// Inaccessible memory below each stack. The usual guard is one page. A frame with a large array can be larger than
/// that, and would write to the memory beyond it.
private let guardBytes = 1 << 20

private final class ThreadBody: Sendable {
    let name: String
    let died: (@Sendable () -> Void)?
    let run: @Sendable () -> Void

    init(_ name: String, _ died: (@Sendable () -> Void)?, _ run: @escaping @Sendable () -> Void) {
        self.name = name
        self.died = died
        self.run = run
    }
}

/// A thread that ends while this is set has not reached the end of its body: pthread_key_create(3).
private let bodyOfThread: pthread_key_t = {
    var key = pthread_key_t()
    let code = pthread_key_create(&key) { argument in
        Unmanaged<ThreadBody>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue().died?()
    }
    precondition(code == 0, "pthread_key_create failed: \(systemError(code))")
    return key
}()

/// Names the calling thread, as ps(1) and debuggers show it: at most 15 bytes.
package func nameThread(_ name: String) { sluice_set_thread_name(name) }
