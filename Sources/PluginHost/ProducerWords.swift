import ProducerInterface

/// Converts the words of the runtime to the plugin's own pointers, and back.
extension ProducerState {
    init(_ pointer: UnsafeMutableRawPointer?) { self.init(word: UInt(bitPattern: pointer)) }

    var pointer: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: word) }
}

extension ProducerCall {
    typealias Function = @convention(c) (UnsafeMutableRawPointer?) -> Void

    init(_ function: Function, _ context: UnsafeMutableRawPointer?) {
        self.init(function: unsafeBitCast(function, to: UInt.self), context: UInt(bitPattern: context))
    }

    /// The two from which the call was made.
    var pointers: (function: Function, context: UnsafeMutableRawPointer?) {
        (unsafeBitCast(function, to: Function.self), UnsafeMutableRawPointer(bitPattern: context))
    }
}
