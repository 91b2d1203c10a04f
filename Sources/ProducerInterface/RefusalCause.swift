/// Why a plugin's file was refused, and so what has to change before the same file is worth another try.
package enum RefusalCause: Sendable, Equatable {
    /// The file's content.
    case content
    /// The file, or something that it needs: a library, the configuration, more time or memory.
    case surroundings
    /// Nothing that can be checked: the system had no room, no process or no thread.
    case moment
}
