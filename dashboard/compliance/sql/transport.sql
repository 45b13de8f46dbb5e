-- To whom the server listens, and how it keeps new passwords.
SELECT
    current_setting('listen_addresses') AS listens_on,
    current_setting('password_encryption') AS password_encryption
