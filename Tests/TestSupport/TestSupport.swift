// What the tests of several targets share.
