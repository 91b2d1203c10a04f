/// The first calls of closures, made by the host where there is enough stack.
///
/// Swift's runtime looks some things up when they are first needed: types, and how they conform to protocols. In a
/// debug build that takes more stack than a plugin's thread may have, and the first thing that such a thread calls is
/// often one of these functions.
package enum ClosureRehearsal {
    /// Once per process: a forwarded call of a live closure, and a call that comes too late.
    package static let done: Void = {
        guard let forwarding = try? CallInterface(arguments: [.ptr, .ptr], result: nil),
            let interface = try? CallInterface(arguments: [.ptr], result: nil)
        else { return }
        let nothing: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = { _, _ in }
        // With a budget of its own, because it is not a function of a plugin.
        let family = ClosureFamily(Target(forwarding), interface, budget: ClosureBudget(limit: 1, rest: .max))
        let words = ClosureWords(function: unsafeBitCast(nothing, to: UnsafeRawPointer.self))
        // Without executable memory, there will be no other closure, either.
        guard let closure = try? family.make(words) else { return }
        let call = unsafeBitCast(closure.code, to: (@convention(c) (UnsafeMutableRawPointer?) -> Void).self)
        call(nil)
        family.retire(closure)
        call(nil)
    }()

    private final class Target: ClosureTarget {
        private let forwarding: CallInterface

        init(_ forwarding: CallInterface) { self.forwarding = forwarding }

        func call(_ call: ClosureCall, _ words: ClosureWords) {
            guard let function = words.function else { return }
            call.forward(to: function, words.context, through: forwarding)
        }

        func calledTooLate() {}
    }
}
