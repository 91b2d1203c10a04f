// The compiler that built this image, where a server finds it before it loads it: Swift's interface is not stable on
// Linux, and an image of another version may crash it. An ELF note (System V ABI, "Note Section") of the owner
// "Sluice", type 1, whose content is the version's first two numbers, 16 bits each. A constant in a section of its own
// has to be spelled out.

#if compiler(>=6.5)
    #error("this compiler's version has to be added here, and in PluginHost")
#elseif compiler(>=6.4)
    @section(".note.sluice.swift") @used
    private let builtWith: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (
        7, 4, 1, 0x6975_6c53, 0x0000_6563, 0x0006_0004
    )
#else
    @section(".note.sluice.swift") @used
    private let builtWith: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (
        7, 4, 1, 0x6975_6c53, 0x0000_6563, 0x0006_0003
    )
#endif
