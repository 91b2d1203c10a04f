import Glibc

/// What stat(2) says of a file.
package struct FileStatus: Sendable {
    /// With the bits for set-user-ID, set-group-ID and sticky.
    package let permissions: UInt32
    package let inode: UInt64
    /// Of a device: which one it is.
    package let device: UInt64

    /// - Parameter followsLinks: `false` for the status of a symbolic link itself.
    /// - Returns: `nil` if there is no such file.
    package init?(_ path: String, followsLinks: Bool = true) {
        var status = stat()
        guard (followsLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
        (permissions, inode, device) = (status.st_mode & 0o7777, UInt64(status.st_ino), UInt64(status.st_rdev))
    }
}
