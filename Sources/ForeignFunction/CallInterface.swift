import CFFI

/// How C calls a function with certain types: what libffi needs, in both directions.
///
/// Preparing it (`ffi_prep_cif`) costs as much as a call, so it is done once; then any number of threads can use the
/// object at once.
///
/// `@unchecked Sendable`: only `init` writes `description` and `argumentTypes`; afterwards libffi only reads them.
package final class CallInterface: @unchecked Sendable {
    package let arguments: [ValueType]
    /// `nil` for `void`.
    package let result: ValueType?
    /// Both live exactly as long as the object.
    let description: UnsafeMutablePointer<ffi_cif>
    private let argumentTypes: UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>

    package init(arguments: [ValueType], result: ValueType?) throws(CallInterfaceError) {
        self.arguments = arguments
        self.result = result
        description = .allocate(capacity: 1)
        description.initialize(to: ffi_cif())
        argumentTypes = .allocate(capacity: arguments.count)
        for (index, type) in arguments.enumerated() { (argumentTypes + index).initialize(to: type.foreignType) }
        let status = ffi_prep_cif(
            description, FFI_DEFAULT_ABI, UInt32(arguments.count),
            result?.foreignType ?? sluice_ffi_type_void(), argumentTypes)
        guard status == FFI_OK else { throw CallInterfaceError(status: Int(status.rawValue)) }
    }

    deinit {
        argumentTypes.deallocate()
        description.deallocate()
    }

    /// Calls `function`, which must have exactly these types: nothing can check that.
    ///
    /// - Parameters:
    ///   - function: the address of its code.
    ///   - addresses: where each argument is, in the width of its type.
    ///   - result: room for a `ForeignResult`; unchanged if the result is `void`.
    @inline(__always)
    package func call(
        _ function: UnsafeRawPointer, _ addresses: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
        result: UnsafeMutableRawPointer?
    ) {
        ffi_call(description, unsafeBitCast(function, to: (@convention(c) () -> Void).self), result, addresses)
    }
}

/// libffi rejected a signature.
package struct CallInterfaceError: Error, Sendable, Equatable, CustomStringConvertible {
    /// An `ffi_status`, not `FFI_OK`.
    package let status: Int

    package var description: String {
        "libffi cannot prepare a call of this signature (ffi_prep_cif: status \(status))"
    }
}

/// A result as libffi passes it: a type smaller than a register is widened to one, keeping its sign.
enum ForeignResult {
    /// How many bytes a result of any type needs at most.
    static let bytes = MemoryLayout<ffi_arg>.size

    /// Reads a value of this type.
    static func read(_ memory: UnsafeRawPointer, as type: ValueType) -> Value {
        let word = memory.load(as: ffi_arg.self)
        return switch type {
        // C guarantees 0 or 1 in the lowest byte; the bits above it are undefined.
        case .bool: .bool(UInt8(truncatingIfNeeded: word) != 0)
        case .i8: .i8(Int8(truncatingIfNeeded: word))
        case .i16: .i16(Int16(truncatingIfNeeded: word))
        case .i32: .i32(Int32(truncatingIfNeeded: word))
        case .i64: .i64(Int64(truncatingIfNeeded: word))
        case .u8: .u8(UInt8(truncatingIfNeeded: word))
        case .u16: .u16(UInt16(truncatingIfNeeded: word))
        case .u32: .u32(UInt32(truncatingIfNeeded: word))
        case .u64: .u64(UInt64(truncatingIfNeeded: word))
        case .f32: .f32(memory.load(as: Float.self))
        case .f64: .f64(memory.load(as: Double.self))
        case .str:
            .str(memory.load(as: UnsafePointer<CChar>?.self).map { String(cString: $0) })
        case .ptr: .ptr(UInt(truncatingIfNeeded: word))
        }
    }

    /// - Parameter value: a `str` can only be NULL, because nothing would own its bytes.
    static func write(_ value: Value, to memory: UnsafeMutableRawPointer) {
        switch value {
        case .bool(let value): memory.storeBytes(of: value ? 1 : 0, as: ffi_arg.self)
        case .i8(let value): memory.storeBytes(of: ffi_sarg(value), as: ffi_sarg.self)
        case .i16(let value): memory.storeBytes(of: ffi_sarg(value), as: ffi_sarg.self)
        case .i32(let value): memory.storeBytes(of: ffi_sarg(value), as: ffi_sarg.self)
        case .i64(let value): memory.storeBytes(of: value, as: Int64.self)
        case .u8(let value): memory.storeBytes(of: ffi_arg(value), as: ffi_arg.self)
        case .u16(let value): memory.storeBytes(of: ffi_arg(value), as: ffi_arg.self)
        case .u32(let value): memory.storeBytes(of: ffi_arg(value), as: ffi_arg.self)
        case .u64(let value): memory.storeBytes(of: value, as: UInt64.self)
        case .f32(let value): memory.storeBytes(of: value, as: Float.self)
        case .f64(let value): memory.storeBytes(of: value, as: Double.self)
        case .str(let value):
            precondition(value == nil, "a text that is returned to C needs an owner")
            memory.storeBytes(of: nil, as: UnsafeRawPointer?.self)
        case .ptr(let value): memory.storeBytes(of: value, as: UInt.self)
        }
    }

    /// Writes the type's zero: false, 0, 0.0 or NULL; nothing for `void`.
    @inline(__always)
    static func writeZero(of type: ValueType?, to memory: UnsafeMutableRawPointer) {
        switch type {
        case nil: break
        case .f32: memory.storeBytes(of: 0, as: Float.self)
        // All bits zero is the zero of each type.
        default: memory.storeBytes(of: 0, as: ffi_arg.self)
        }
    }
}

extension ValueType {
    /// How libffi passes a value of this type.
    var foreignType: UnsafeMutablePointer<ffi_type> {
        switch self {
        case .bool, .u8: sluice_ffi_type_uint8()
        case .i8: sluice_ffi_type_sint8()
        case .i16: sluice_ffi_type_sint16()
        case .u16: sluice_ffi_type_uint16()
        case .i32: sluice_ffi_type_sint32()
        case .i64: sluice_ffi_type_sint64()
        case .u32: sluice_ffi_type_uint32()
        case .u64: sluice_ffi_type_uint64()
        case .f32: sluice_ffi_type_float()
        case .f64: sluice_ffi_type_double()
        case .str, .ptr: sluice_ffi_type_pointer()
        }
    }
}
