import CFFI

/// A prepared call of `int32_t f(void *, …, P1, P2, …)`: some pointers first, then typed values.
///
/// Preparing (`ffi_prep_cif`) costs as much as calling, so it is done once; the object may then be used by any number of threads at once.
///
/// `@unchecked Sendable`: `interface` and `argumentTypes` are written by `init` only, and `ffi_call` just reads them.
package final class TypedCall: @unchecked Sendable {
    private let leadingPointers: Int
    private let arguments: [ValueType]
    /// The description that libffi works from, and the array that it points to: both live exactly as long as the object.
    private let interface: UnsafeMutablePointer<ffi_cif>
    private let argumentTypes: UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>

    package init(leadingPointers: Int, arguments: [ValueType]) throws(TypedCallError) {
        precondition(leadingPointers >= 0, "a call has no negative number of pointers")
        self.leadingPointers = leadingPointers
        self.arguments = arguments
        let count = leadingPointers + arguments.count
        interface = .allocate(capacity: 1)
        interface.initialize(to: ffi_cif())
        argumentTypes = .allocate(capacity: count)
        for index in 0..<leadingPointers { (argumentTypes + index).initialize(to: sluice_ffi_type_pointer()) }
        for (index, type) in arguments.enumerated() {
            (argumentTypes + leadingPointers + index).initialize(to: type.foreignType)
        }
        let status = ffi_prep_cif(
            interface, FFI_DEFAULT_ABI, UInt32(count), sluice_ffi_type_sint32(), argumentTypes)
        guard status == FFI_OK else { throw TypedCallError(status: Int(status.rawValue)) }
    }

    deinit {
        argumentTypes.deallocate()
        interface.deallocate()
    }

    /// Calls `function`, which must have this very signature: nothing can check that.
    ///
    /// - Parameters:
    ///   - function: the address of its code.
    ///   - leading: the pointers before the values.
    ///   - arguments: the values; texts are passed as `const char *` into this object, and valid for as long as it is.
    package func call(
        _ function: UnsafeRawPointer, leading: [UnsafeMutableRawPointer?], arguments: ArgumentStorage
    ) -> Int32 {
        precondition(
            leading.count == leadingPointers && arguments.types == self.arguments,
            "the values are those that the call was prepared for")
        let code = unsafeBitCast(function, to: (@convention(c) () -> Void).self)
        // libffi widens a result that is smaller than a register to one.
        var result = ffi_arg()
        let valueCount = arguments.types.count
        withExtendedLifetime(arguments) {
            leading.withUnsafeBufferPointer { leading in
                withUnsafeTemporaryAllocation(
                    of: UnsafeMutableRawPointer?.self, capacity: leadingPointers + valueCount
                ) { addresses in
                    for index in leading.indices {
                        // Read only: libffi's signature has no const.
                        let slot = UnsafeRawPointer(leading.baseAddress.unsafelyUnwrapped + index)
                        addresses.initializeElement(at: index, to: UnsafeMutableRawPointer(mutating: slot))
                    }
                    for index in 0..<valueCount {
                        addresses.initializeElement(at: leadingPointers + index, to: arguments.slot(index))
                    }
                    ffi_call(interface, code, &result, addresses.baseAddress)
                }
            }
        }
        return Int32(truncatingIfNeeded: result)
    }
}

/// libffi refused a signature.
package struct TypedCallError: Error, Sendable, Equatable, CustomStringConvertible {
    /// An `ffi_status`, not `FFI_OK`.
    package let status: Int

    package var description: String {
        "libffi cannot prepare a call of this signature (ffi_prep_cif: status \(status))"
    }
}

extension ValueType {
    /// How libffi passes a value of this type.
    fileprivate var foreignType: UnsafeMutablePointer<ffi_type> {
        switch self {
        case .bool: sluice_ffi_type_uint8()
        case .i32: sluice_ffi_type_sint32()
        case .i64: sluice_ffi_type_sint64()
        case .u32: sluice_ffi_type_uint32()
        case .u64: sluice_ffi_type_uint64()
        case .f32: sluice_ffi_type_float()
        case .f64: sluice_ffi_type_double()
        case .str: sluice_ffi_type_pointer()
        }
    }
}
