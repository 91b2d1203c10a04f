import CLinux
import Glibc

/// Starts a detached thread; pthread_create(3).
/// - Parameter name: at most 15 bytes of it are shown.
/// - Returns: `false` if the system has none to give.
package func startThread(named name: String, stackBytes: Int, _ body: @escaping @Sendable () -> Void) -> Bool {
    final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void
        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, max(stackBytes, Int(PTHREAD_STACK_MIN)))
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let box = Unmanaged.passRetained(Body(name, body))
    var thread = pthread_t()
    let result = pthread_create(
        &thread, &attributes,
        { argument in
            let body = Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue()
            sluice_set_thread_name(body.name)
            body.run()
            return nil
        }, box.toOpaque())
    if result != 0 { box.release() }
    return result == 0
}
